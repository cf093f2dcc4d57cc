"""Signature Version 4, judged by the examples that Amazon publishes for it.

They are from Amazon's Signature Version 4 test suite: one key, one moment, one host. The requests
of the sinks are judged by botocore, in ``support/providers/amazon``.
"""

from datetime import UTC, datetime

import pytest

from signotaur_action.http import Request
from signotaur_action.model import Secret
from signotaur_action.sinks.stores.aws_signature import AwsSignature
from support.clock import VirtualClock

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "https://example.amazonaws.com"
FORM = "application/x-www-form-urlencoded"
CASES = {
    "get-vanilla": (
        Request("GET", "/"),
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "post-vanilla": (
        Request("POST", "/"),
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-header-key-sort": (
        Request("POST", "/", more_headers={"My-Header1": "value1"}),
        "host;my-header1;x-amz-date",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        Request("POST", "/", b"Param1=value1", FORM),
        "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}
"""Each with the names of the headers that are signed, and the signature."""


class FixedClock(VirtualClock):
    """The moment of Amazon's examples."""

    def now(self) -> datetime:
        """See ``VirtualClock``."""
        return datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


def signed(request: Request, session_token: Secret | None = None) -> dict[str, str]:
    signature = AwsSignature(
        "AKIDEXAMPLE", Secret(SECRET), session_token, "us-east-1", "service", FixedClock()
    )
    return dict(signature.headers(HOST, request))


@pytest.mark.parametrize("case", CASES)
def test_amazons_own_examples_come_out_the_same(case: str) -> None:
    request, names, signature = CASES[case]
    assert signed(request) == {
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            f"SignedHeaders={names}, Signature={signature}"
        ),
    }


def test_the_secret_key_is_in_no_header_and_a_session_token_is_signed() -> None:
    told = signed(Request("POST", "/", b"{}"), Secret("a-session"))
    assert told["X-Amz-Security-Token"] == "a-session"
    assert "x-amz-date;x-amz-security-token," in told["Authorization"]
    assert SECRET not in str(told)
