"""Is this key good for a while longer? The decision as a pure function of the server's answer.

Looks at the end of the key's life, a revocation that a confirmed rotation has scheduled, how
long ago the key was made, and the end of the certificate that it signs with. The server's
time decides, never the runner's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from signotaur_action.model import CertificateInfo, KeyInfo
from signotaur_action.policy.durations import describe_span
from signotaur_wire.durations import parse_duration
from signotaur_wire.members import format_time
from signotaur_wire.messages import RotationState

_NEW_TOKEN = "Make a new token, and put it where the rotation takes it from."  # noqa: S105 - words
_SHARE = re.compile(r"(?P<percent>100|[1-9]?[0-9])%")


@dataclass(frozen=True)
class Window:
    """How near an end may come: a time span, or a share of the key's life (0 to 1)."""

    span: timedelta | None = None
    share: float = 0.0

    def of(self, begins_at: datetime | None, ends_at: datetime | None) -> timedelta | None:
        """Return the window of a life as a span; None if it is a share and there is no end."""
        if self.span is not None:
            return self.span
        if ends_at is None or begins_at is None:
            return None
        return (ends_at - begins_at) * self.share


def parse_window(text: str) -> Window | None:
    """Read ``90m``, ``36h``, ``7d``, ``2w`` or ``25%``; empty is None. Raises ValueError."""
    if not text:
        return None
    share = _SHARE.fullmatch(text.strip())
    return Window(share=int(share["percent"]) / 100) if share else Window(parse_duration(text))


@dataclass(frozen=True)
class Limits:
    """The limits that the user gave; None: not given."""

    fail_within: Window | None = None
    warn_within: Window | None = None
    max_age: timedelta | None = None


class Level(IntEnum):
    """How bad it is."""

    GOOD = 0
    WARNING = 1
    FAILURE = 2


@dataclass(frozen=True)
class Verdict:
    """The verdict on a key."""

    key: KeyInfo
    level: Level
    state: str
    """``active``, ``rotated`` (it has a confirmed successor) or ``candidate``."""
    findings: tuple[str, ...]
    next_step: str
    limit_passed: bool
    """Whether key, certificate or a store's token is near its end, or the key too old."""
    certificate: CertificateInfo | None = None
    """The certificate that was judged too."""
    only_certificate: bool = False
    """Whether the certificate alone is the reason of the failure."""
    only_tokens: bool = False
    """Whether the tokens of stores alone are the reason of the warning."""

    @property
    def days_left(self) -> int | None:
        """Whole days until the key stops working; None if it has no end."""
        ends_at = self.key.ends_at
        return None if ends_at is None else max(0, (ends_at - self.key.server_time).days)


def verdict(key: KeyInfo, limits: Limits) -> Verdict:
    """Judge a key that the server accepts."""
    successor = _successor(key)
    level = Level.GOOD
    if successor is not None:  # its owner must know, however far away the end is
        level = Level.WARNING
    findings = []
    for limit, severity in (
        (limits.fail_within, Level.FAILURE),
        (limits.warn_within, Level.WARNING),
    ):
        if limit is not None and _ends_within(key, limit):
            findings.append(_ending(key))
            level = max(level, severity)
            break
    if limits.max_age is not None and _age(key) > limits.max_age:
        findings.append(_too_old(key, limits.max_age))
        level = Level.FAILURE
    state = "candidate" if key.is_candidate else "active" if successor is None else "rotated"
    notes = [] if successor is None else [_rotated(key, successor[0], successor[1])]
    next_step = _next_step(level, successor)
    return Verdict(key, level, state, (*notes, *findings), next_step, limit_passed=bool(findings))


def with_certificate(found: Verdict, certificate: CertificateInfo, window: Window) -> Verdict:
    """Return the verdict on a key and on the certificate that it signs with."""
    left = certificate.ends_at - found.key.server_time
    span = window.of(certificate.begins_at, certificate.ends_at)
    if span is None or left > span:
        return replace(found, certificate=certificate)
    ending = (
        f"The certificate with the {certificate.shown_name} expires in {describe_span(left)}, on "
        f"{format_time(certificate.ends_at)}."
    )
    renew = "Add the renewed certificate to the server; it can have the same label."
    return replace(
        found,
        certificate=certificate,
        level=Level.FAILURE,
        findings=(*found.findings, ending),
        next_step=renew if found.level is Level.GOOD else f"{found.next_step} {renew}",
        limit_passed=True,
        only_certificate=not found.limit_passed,
    )


def with_tokens(found: Verdict, concerns: Sequence[str]) -> Verdict:
    """Return the verdict on a key and on the tokens for the stores that get the next one."""
    if not concerns:
        return found
    good = found.level is Level.GOOD
    return replace(
        found,
        level=max(found.level, Level.WARNING),
        findings=(*found.findings, *concerns),
        next_step=_NEW_TOKEN if good else f"{found.next_step} {_NEW_TOKEN}",
        limit_passed=True,
        only_tokens=good,
    )


def _successor(key: KeyInfo) -> tuple[int, datetime] | None:
    """Return id and confirmation of the key that replaces this one; None while none does."""
    rotation = key.rotation
    if key.is_candidate or rotation is None or rotation.state is not RotationState.CONFIRMED:
        return None
    return rotation.new_key_id, rotation.confirmed_at or rotation.server_time


def _ends_within(key: KeyInfo, window: Window) -> bool:
    span = window.of(key.created_at, key.expires_at)
    return span is not None and key.ends_at is not None and key.ends_at - key.server_time <= span


def _age(key: KeyInfo) -> timedelta:
    return timedelta(0) if key.created_at is None else key.server_time - key.created_at


def _rotated(key: KeyInfo, successor: int, confirmed_at: datetime) -> str:
    end = (
        "is not scheduled to be revoked"
        if key.revokes_at is None
        else (f"is revoked on {format_time(key.revokes_at)}")
    )
    return (
        f"This key was rotated on {format_time(confirmed_at)} and {end}; "
        f"the new key's id is {successor}."
    )


def _ending(key: KeyInfo) -> str:
    moment = key.ends_at or key.server_time
    how = "is revoked" if moment == key.revokes_at else "expires"
    left = describe_span(moment - key.server_time)
    return f"The key {how} in {left}, on {format_time(moment)}."


def _too_old(key: KeyInfo, max_age: timedelta) -> str:
    age, allowed = describe_span(_age(key)), describe_span(max_age)
    return f"The key has not been rotated for {age}; the limit is {allowed}."


def _next_step(level: Level, successor: tuple[int, datetime] | None) -> str:
    if successor is not None:
        return f"Give this build the new key (id {successor[0]})."
    if level is Level.GOOD:
        return "Nothing; the key is good."
    return "Rotate the key: run rotate-key, or the workflow that runs it."
