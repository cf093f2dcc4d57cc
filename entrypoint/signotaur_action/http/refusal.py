"""Why a store refused a call, in a few words."""

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.http.answer import Answer
from signotaur_wire.members import format_time


def refusal_text(
    store: str, answer: Answer, reason: str, needs: str, *, pause: float | None, denied: bool
) -> str:
    """Return why a store refused.

    ``reason``: the reason that the store gives. ``needs``: what the token must be allowed.
    ``pause``: how many seconds a rate limit lasts, if there is one. ``denied``: whether the token
    was refused.
    """
    if pause is not None:
        return f"{store}'s rate limit lasts until {format_time(answer.later(pause))}"
    reason = " ".join(reason.split()).rstrip(".")
    reason = escape_untrusted(reason) or "it gave no reason"
    if denied:
        return f"{store} refuses the token ({answer.status}: {reason}): it needs {needs}"
    return f"{store} answered {answer.status}: {reason}"
