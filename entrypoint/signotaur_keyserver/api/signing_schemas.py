"""JSON Schemas of the signing calls, in the vendor's names; derived from the wire's dataclasses."""

from signotaur_keyserver.api.schemas import Schema, message_schema
from signotaur_wire.signing import (
    FAILED,
    TEXT_MAX_LENGTH,
    CertificateAnswer,
    CertificateRequest,
    DigestAlgorithm,
    SignAnswer,
    SignRequest,
)

_NAMES = {
    "algorithm": "digestHashAlgorithm",
    "file_size": "fileSizeInBytes",
    "signature": "signedData",
}
_BASE64: Schema = {"type": ["string", "null"], "contentEncoding": "base64"}
_RECORDED: Schema = {"type": ["string", "null"], "maxLength": TEXT_MAX_LENGTH}
_RULES: dict[str, Schema] = {
    "clientVersion": {"maxLength": TEXT_MAX_LENGTH},
    "fileName": _RECORDED,
    "fileVersion": _RECORDED,
    "fileSizeInBytes": {"type": ["integer", "null"]},
    "result": {"description": "0: done; else the message says why not.", "enum": [0, FAILED]},
    "certificate": _BASE64 | {"description": "DER."},
    "signedData": _BASE64 | {"description": "The raw signature: PKCS#1 v1.5, or ECDSA as DER."},
}
_ANSWER_RULES = _RULES | {"thumbprint": {"type": ["string", "null"]}}
_OPTIONAL = "expiredAt"
# Base64 of exactly as many bytes as the digest has.
_DIGESTS = {
    DigestAlgorithm.SHA256: "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$",
    DigestAlgorithm.SHA384: "^[A-Za-z0-9+/]{64}$",
    DigestAlgorithm.SHA512: "^[A-Za-z0-9+/]{85}[AQgw]==$",
}


def components() -> dict[str, Schema]:
    """Return every named schema of the signing calls."""
    return {
        "CertificateRequest": message_schema(CertificateRequest, _RULES),
        "CertificateAnswer": _answer(CertificateAnswer),
        "SignRequest": _sign_request(),
        "SignAnswer": _answer(SignAnswer),
    }


def _answer(message: type) -> Schema:
    schema = message_schema(message, _ANSWER_RULES, _NAMES)
    return schema | {"required": [name for name in schema["properties"] if name != _OPTIONAL]}


def _sign_request() -> Schema:
    rules = _RULES | {"digest": {"contentEncoding": "base64"}}
    variants = [
        {
            "properties": {
                "digestHashAlgorithm": {"enum": [algorithm.value]},
                "digest": {"type": "string", "pattern": pattern},
            }
        }
        for algorithm, pattern in _DIGESTS.items()
    ]
    return message_schema(SignRequest, rules, _NAMES) | {"anyOf": variants}
