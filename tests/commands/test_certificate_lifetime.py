"""The lifetime of a certificate, compared with the library cryptography."""

import random
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from signotaur_action.model import CertificateSelector
from signotaur_action.policy.certificate import CertificateUnreadableError, certificate_info

BY_LABEL = CertificateSelector("label", "production")
KEY = generate_private_key(SECP256R1())
MOMENTS = [
    datetime(1950, 1, 1, tzinfo=UTC),
    datetime(1968, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(1999, 12, 31, tzinfo=UTC),
    datetime(2000, 2, 29, tzinfo=UTC),
    datetime(2026, 11, 26, 15, 0, 1, tzinfo=UTC),
    datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),  # the last UTCTime
    datetime(2050, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


def certificate(begins_at: datetime, ends_at: datetime, name: str = "Example") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 2**158 + 1)
    builder = builder.not_valid_before(begins_at).not_valid_after(ends_at)
    return builder.sign(KEY, SHA256())


@pytest.mark.parametrize("name", ["Example", "Übung " * 9])
@pytest.mark.parametrize(("begins_at", "ends_at"), [*pairwise(MOMENTS)])
def test_it_is_what_the_library_reads(begins_at: datetime, ends_at: datetime, name: str) -> None:
    made = certificate(begins_at, ends_at, name)
    found = certificate_info(made.public_bytes(Encoding.DER), BY_LABEL)
    assert (found.begins_at, found.ends_at) == (begins_at, ends_at)
    assert (found.begins_at, found.ends_at) == (
        made.not_valid_before_utc,
        made.not_valid_after_utc,
    )
    assert found.thumbprint == made.fingerprint(SHA1()).hex().upper()  # noqa: S303
    assert found.shown_name == "label production"


def test_whatever_the_bytes_are_they_are_read_or_refused() -> None:
    whole = certificate(MOMENTS[4], MOMENTS[6]).public_bytes(Encoding.DER)
    for length in range(len(whole)):
        with pytest.raises(CertificateUnreadableError):
            certificate_info(whole[:length], BY_LABEL)
    chance = random.Random(12)  # noqa: S311
    read = 0
    for number in range(len(whole) * 8):
        mutated = bytearray(whole)
        mutated[number // 8] ^= 1 << number % 8
        mutated[chance.randrange(len(whole))] = chance.randrange(256)
        with suppress(CertificateUnreadableError):
            certificate_info(bytes(mutated), BY_LABEL)
            read += 1
    assert 0 < read < len(whole) * 8


@pytest.mark.parametrize(
    "dates",
    [b"\x17\x0d261326150001Z", b"\x17\x0b2611261500Z", b"\x17\x0d26112615000aZ",
     b"\x18\x0f00001126150001Z", b"\x18\x1020261126150001Z+", b"\x17\x0d\xff61126150001Z",
     b"\x04\x0d261126150001Z"],
)  # fmt: skip
def test_a_date_that_is_none_is_refused(dates: bytes) -> None:
    validity = b"\x30" + bytes([len(dates)]) + dates
    fields = b"\x02\x01\x01\x30\x00\x30\x00" + validity
    inner = b"\x30" + bytes([len(fields)]) + fields
    with pytest.raises(CertificateUnreadableError, match="dates"):
        certificate_info(b"\x30" + bytes([len(inner)]) + inner, BY_LABEL)
