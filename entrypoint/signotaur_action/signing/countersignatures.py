"""PKCS #9 countersignatures: the timestamps that Authenticode had before RFC 3161.

One is an unsigned attribute: the signature of an authority over another signature, with the time
among its signed attributes (RFC 2985, 5.3.6). The authority's certificates are those of the message
that it is in.

Nearly all use SHA-1. Windows accepts those, so they are accepted here too, and SHA-1 nowhere else.
The known attacks find two contents with one digest that are chosen freely in part. Here the content
is the value of a signature, which nobody can choose and make right.
"""

from datetime import datetime

from asn1crypto import core

from signotaur_action.signing import der
from signotaur_action.signing.cms import SIGNING_TIME
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.signed_message import SignedMessage
from signotaur_action.signing.signer_info import SignerInfo
from signotaur_action.signing.timestamps import Timestamp, in_utc

_DATA = der.oid("1.2.840.113549.1.7.1")
_SIGNING_TIME = der.oid(SIGNING_TIME)


def verified_countersignature(encoded: bytes, signed: SignedMessage) -> Timestamp:
    """Return the timestamp in a countersignature, DER, if it is one of a message's signature.

    Raises FormatError and DerError. Whether to trust its authority is another question.
    """
    signer = SignerInfo.read(der.children(encoded), accepts_sha1=True)
    authority = signer.certificate(signed.certificates)
    if not signer.covers(_DATA, signed.signature):
        raise FormatError("it is a timestamp of another signature")
    return Timestamp(_moment(signer), authority, signed.certificates, ())


def _moment(signer: SignerInfo) -> datetime:
    try:
        [value] = signer.attributes[_SIGNING_TIME]
        return in_utc(core.UTCTime.load(value, strict=True).native)
    except (ValueError, TypeError, KeyError):
        raise FormatError("it does not say when it was made") from None
