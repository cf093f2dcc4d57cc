"""OCSP (RFC 6960): the question whether a certificate was revoked, and what an answer proves.

Bytes in and out.
"""

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.revocation_status import (
    Issued,
    NotKnownError,
    Revoked,
    UnknownCertificateError,
    accepted_digest,
    extension,
    require_current,
    require_known,
)
from signotaur_action.signing.signature_schemes import digest_named, scheme_of
from signotaur_action.signing.trust import CERTIFICATE_FAULTS

_OF_DELEGATES = (x509.BasicConstraints, x509.ExtendedKeyUsage, x509.KeyUsage, x509.OCSPNoCheck)


def addresses(certificate: x509.Certificate) -> list[str]:
    """Return the URLs of the responders that a certificate names."""
    access = extension(certificate.extensions, x509.AuthorityInformationAccess) or ()
    return [
        each.access_location.value
        for each in access
        if each.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(each.access_location, x509.UniformResourceIdentifier)
    ]


def request(issued: Issued) -> bytes:
    """Return the question whether a certificate was revoked, DER."""
    return _request(issued).public_bytes(Encoding.DER)


def status(answer: bytes, issued: Issued, now: datetime) -> Revoked | None:
    """Return what an answer, DER, proves of a certificate; None: it was not revoked.

    Raises NotKnownError.
    """
    try:
        return _status(ocsp.load_der_ocsp_response(answer), issued, now)
    except CERTIFICATE_FAULTS:
        raise NotKnownError("it is not an OCSP answer about one certificate") from None


def _status(answer: ocsp.OCSPResponse, issued: Issued, now: datetime) -> Revoked | None:
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise NotKnownError(f"it answered {answer.response_status.name}")
    if _question(answer) != _question(_request(issued)):
        raise NotKnownError("its answer is about another certificate")
    _require_signature(answer, _responder(answer, issued.issuer, now))
    require_current(answer.this_update_utc, answer.next_update_utc, now)
    require_known(answer.extensions, ())
    require_known(answer.single_extensions, (x509.InvalidityDate,))
    if answer.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return None
    moment = answer.revocation_time_utc
    if moment is None:  # only the status "unknown" has none
        raise UnknownCertificateError("its authority does not know it")
    return Revoked.read(moment, answer.revocation_reason, answer.single_extensions)


def _request(issued: Issued) -> ocsp.OCSPRequest:
    # SHA-1 only names the certificate here, and it is the one digest that every responder knows.
    names = SHA1()  # noqa: S303  # nosec B303
    return (
        ocsp.OCSPRequestBuilder().add_certificate(issued.certificate, issued.issuer, names).build()
    )


def _question(message: ocsp.OCSPRequest | ocsp.OCSPResponse) -> tuple[str, bytes, bytes, int]:
    return (
        message.hash_algorithm.name,
        message.issuer_name_hash,
        message.issuer_key_hash,
        message.serial_number,
    )


def _responder(
    answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> x509.Certificate:
    """Return the certificate of an answer's signer: the issuer, or one that may act for it."""
    if _is_signer(answer, issuer):
        return issuer
    for delegate in filter(lambda each: _is_signer(answer, each), answer.certificates):
        _require_delegate(delegate, issuer, now)
        return delegate
    raise NotKnownError("the certificate of its signer is missing")


def _is_signer(answer: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    if answer.responder_name is not None:
        return answer.responder_name == certificate.subject
    key = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return answer.responder_key_hash == key.digest


def _require_delegate(delegate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
    accepted_digest(delegate.signature_hash_algorithm)
    try:
        delegate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        raise NotKnownError("the certificate of its signer is not from the issuer") from None
    require_current(delegate.not_valid_before_utc, delegate.not_valid_after_utc, now)
    require_known(delegate.extensions, _OF_DELEGATES)
    purposes = extension(delegate.extensions, x509.ExtendedKeyUsage) or ()
    usage = extension(delegate.extensions, x509.KeyUsage)
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes or (usage and not usage.digital_signature):
        raise NotKnownError("its signer may not sign OCSP answers")
    if extension(delegate.extensions, x509.OCSPNoCheck) is None:
        raise NotKnownError("its signer may have been revoked itself (it has no OCSP no-check)")


def _require_signature(answer: ocsp.OCSPResponse, responder: x509.Certificate) -> None:
    key = SigningCertificate.read(responder.public_bytes(Encoding.DER)).key
    written = _algorithm(answer)
    try:
        scheme = scheme_of(written, digest_named(written), key)
    except FormatError as fault:
        raise NotKnownError(str(fault)) from None
    covered = hashlib.new(scheme.digest.name, answer.tbs_response_bytes).digest()
    if not scheme.verifies(key, answer.signature, covered):
        raise NotKnownError("its signature is not right")


def _algorithm(answer: ocsp.OCSPResponse) -> bytes:
    """Return the AlgorithmIdentifier of its signature, DER, which the library knows in part."""
    _status, wrapped = der.children(answer.public_bytes(Encoding.DER))
    [typed] = der.children(wrapped, der.tag(0))
    _type, basic = der.children(typed)
    return der.children(der.contents(basic, der.OCTETS))[1]
