"""Sign files with a key of the test's own and the client's own parts, without a server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signotaur_action.model import CertificateSelector, DigestToSign
from signotaur_action.ports import TimestampServer
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.file_signer import FileSigner
from signotaur_action.signing.formats import SupportedFormats
from signotaur_action.signing.outcomes import FileResult
from signotaur_action.signing.plan import OnSigned, SigningPlan
from signotaur_action.signing.timestamp_client import TimestampClient
from signotaur_wire.signing import DigestAlgorithm
from support.clock import VirtualClock

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_HASHES = {
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}


class LocalSigner:
    """A key and its certificate, which signs itself."""

    def __init__(self, private: PrivateKey | None = None, name: str = "local") -> None:
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        made = (
            x509.CertificateBuilder(subject, subject, self.private.public_key(), 7)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(usage, critical=False)
            .sign(self.private, hashes.SHA256())
        )
        self.encoded = made.public_bytes(Encoding.DER)
        self.pem = made.public_bytes(Encoding.PEM)
        self.certificate = SigningCertificate.read(self.encoded)

    def sign(
        self,
        file: Path,
        on_signed: OnSigned = OnSigned.SKIP,
        algorithm: DigestAlgorithm = DigestAlgorithm.SHA256,
        servers: tuple[TimestampServer, ...] = (),
    ) -> FileResult:
        """Sign one file whose format needs no program."""
        plan = SigningPlan(CertificateSelector("label", "local"), algorithm, on_signed=on_signed)
        signer = FileSigner(
            plan,
            self.certificate,
            SupportedFormats(None),
            FileCheck(on_signed, "", reads_signatures=False),
            TimestampClient(servers, algorithm),
            self._signature,
            VirtualClock(),
        )
        return signer.sign(file)

    def _signature(self, request: DigestToSign) -> bytes:
        known = Prehashed(_HASHES[request.algorithm])
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(request.digest, padding.PKCS1v15(), known)
        return self.private.sign(request.digest, ec.ECDSA(known))
