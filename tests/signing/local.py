"""Sign files with a key of the test's own and the client's own parts, without a server."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
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
    """A key and its certificate, which signs itself unless an issuer is given.

    It is valid from yesterday on, for 31 days. ``extensions``: more of them, each with whether it
    is critical.
    """

    def __init__(
        self,
        private: PrivateKey | None = None,
        name: str = "local",
        *,
        issuer: "LocalSigner | None" = None,
        usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CODE_SIGNING,),
        is_authority: bool = False,
        sends_chain: bool = True,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> None:
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self._issuer = issuer or self
        self._sends_chain = sends_chain
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder(self._issuer.subject, self.subject)
            .public_key(self.private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
        )
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if is_authority:
            limits = x509.BasicConstraints(ca=True, path_length=None)
            builder = builder.add_extension(limits, critical=True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        made = builder.sign(self._issuer.private, hashes.SHA256())
        self.encoded = made.public_bytes(Encoding.DER)
        self.pem = made.public_bytes(Encoding.PEM)
        self.private_pem = self.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        self.certificate = SigningCertificate.read(self.encoded)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates between its own and the root, DER."""
        issuer = self._issuer
        return () if issuer._issuer is issuer else (issuer.encoded, *issuer.chain)

    def sign(
        self,
        file: Path,
        on_signed: OnSigned = OnSigned.SKIP,
        algorithm: DigestAlgorithm = DigestAlgorithm.SHA256,
        servers: tuple[TimestampServer, ...] = (),
    ) -> FileResult:
        """Sign one file whose format needs no program."""
        plan = SigningPlan(
            CertificateSelector("label", "local"),
            algorithm,
            on_signed=on_signed,
            more_certificates=self.chain if self._sends_chain else (),
        )
        signer = FileSigner(
            plan,
            self.certificate,
            SupportedFormats(None),
            FileCheck(on_signed, "", reads_signatures=False),
            TimestampClient(servers, algorithm),
            self.sign_digest,
            VirtualClock(),
        )
        return signer.sign(file)

    def sign_digest(self, request: DigestToSign) -> bytes:
        """Return the signature of a digest, as the server makes it."""
        known = Prehashed(_HASHES[request.algorithm])
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(request.digest, padding.PKCS1v15(), known)
        return self.private.sign(request.digest, ec.ECDSA(known))
