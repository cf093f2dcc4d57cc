"""Where a service of Amazon's is, and what its refusals are called.

Secrets Manager and Systems Manager name a refusal in ``__type``, the token service in ``Error``.
"""

from collections.abc import Mapping

from signotaur_action.http import Answer, limit_pause
from signotaur_action.sinks.stores.store import Access

KEY_ID, SECRET_KEY, SESSION = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
_THROTTLED = ("Throttling", "ThrottlingException", "TooManyUpdates", "IDPCommunicationError")
"""What is over soon; the last one: Amazon could not reach the issuer of an ID token."""
_PAUSE = 2.0
"""Amazon does not tell when a limit ends; its limits are per second."""


def aws_access(service: str, title: str, region: str, environ: Mapping[str, str]) -> Access:
    """Return how a run reaches a service in a region.

    ``service``: as its host and a signature name it; ``title``: as messages do.
    """
    own = f"AWS_ENDPOINT_URL_{title.upper().replace(' ', '_')}"
    zone = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Access(
        store=f"AWS {title}",
        address=own if environ.get(own) else "AWS_ENDPOINT_URL",
        token=SECRET_KEY,
        token_hint="the secret key of a role or a user",  # noqa: S106 - a description
        error_text=_words,
        default_url=f"https://{service}.{region}.{zone}",
        ca_file_variable="AWS_CA_BUNDLE",
        pause=_pause,
    )


def error_name(answer: Answer) -> str:
    """Return what a refusal is called; empty where it has no name."""
    if not answer.refused:
        return ""
    return answer.text("__type").rpartition("#")[2] or _told(answer, "Code")


def _words(answer: Answer) -> str:
    reason = answer.text("message") or answer.text("Message") or _told(answer, "Message")
    return ": ".join(filter(None, (error_name(answer), reason)))


def _told(answer: Answer, name: str) -> str:
    error = answer.member("Error")
    return str(error.get(name) or "") if isinstance(error, dict) else ""


def _pause(answer: Answer) -> float | None:
    return _PAUSE if error_name(answer) in _THROTTLED else limit_pause(answer)
