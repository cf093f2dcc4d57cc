"""When the token for a store ends: the next credential that would stop a rotation."""

from datetime import UTC, date, datetime, timedelta

from signotaur_wire.members import format_time

_SOON = timedelta(days=14)
_MADE_FOR_A_RUN = timedelta(hours=2)
"""A token that ends within this time was made for one run, like that of a GitHub App."""


def end_of_github_token(header: str) -> datetime | None:
    """Parse ``GitHub-Authentication-Token-Expiration``, such as ``2026-12-01 09:30:00 UTC``.

    None where the text is another one; GitHub also writes the offset as ``+0200``.
    """
    try:
        moment = datetime.strptime(header.replace("UTC", "+0000"), "%Y-%m-%d %H:%M:%S %z")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def end_of_day(text: str) -> datetime | None:
    """Parse a date, at whose start in UTC a token of GitLab ends; None where it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def moment_of(text: str) -> datetime | None:
    """Parse an ISO 8601 time with its zone, as in AWS's variables; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def is_refused(store: str) -> list[str]:
    """Return the warning that a store no longer accepts the token."""
    text = (
        f"{store} refuses the token: it ended, was revoked, or lost its rights. Replace it, or the "
        "next rotation cannot store its key."
    )
    return [text]


def ends_soon(store: str, end: datetime | None, now: datetime) -> list[str]:
    """Return the warning that a token ends within 14 days; empty where there is none to give."""
    if end is None or not _MADE_FOR_A_RUN < end - now <= _SOON:
        return []
    text = (
        f"The token for {store} ends on {format_time(end)}. Replace it before then, or the next "
        "rotation cannot store its key."
    )
    return [text]
