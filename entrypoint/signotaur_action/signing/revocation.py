"""Whether the certificates of a chain were revoked, and what that means for a signature."""

import threading
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from itertools import pairwise, starmap
from typing import Generic, Protocol, TypeVar

from cryptography import x509

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.errors import ServerError
from signotaur_action.ports import Clock, RevocationAuthorities
from signotaur_action.signing import ocsp, revocation_lists
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.revocation_status import (
    Issued,
    NotKnownError,
    Revoked,
    UnknownCertificateError,
)
from signotaur_action.signing.trust import CERTIFICATE_FAULTS, Usage, owner_of
from signotaur_wire.members import format_time

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")
_MOST_ADDRESSES = 4
"""Of a certificate, for each way to ask."""
_MOST_LISTS = 16
"""Of a signature: anybody can add lists to it, and each costs time."""
_KEY_WAS_KEPT = {
    x509.ReasonFlags.unspecified,
    x509.ReasonFlags.affiliation_changed,
    x509.ReasonFlags.superseded,
    x509.ReasonFlags.cessation_of_operation,
}
"""RFC 3161, 4: after these reasons the earlier timestamps of an authority stay valid."""


class RevocationSource(Protocol):
    """Where to look. Threads may share it."""

    def status(self, issued: Issued, lists: Sequence[bytes]) -> Revoked | None:
        """Return whether a certificate was revoked. Raises NotKnownError.

        ``lists``: the revocation lists that came with the signature, DER.
        """


def require_not_revoked(
    source: RevocationSource,
    chain: Sequence[x509.Certificate],
    lists: Sequence[bytes],
    signed_at: datetime | None,
    usage: Usage,
) -> None:
    """Raise FormatError unless a chain, from the signer to a root, was good for a signature.

    ``signed_at``: the moment that proves it older than a revocation; None if there is no proof.
    """
    for issued in starmap(Issued, pairwise(chain)):
        name = owner_of(issued.certificate)
        try:
            revoked = source.status(issued, lists)
        except NotKnownError as fault:
            raise FormatError(
                f"the revocation status of the certificate {name} is not known: {fault}"
            ) from None
        if revoked is not None and not _was_before(signed_at, revoked, usage):
            raise FormatError(
                f"the certificate {name} was revoked on {format_time(revoked.since)}"
                f"{_because(revoked)}"
            )


class EmbeddedLists:
    """Looks into the revocation lists that came with a signature."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def status(self, issued: Issued, lists: Sequence[bytes]) -> Revoked | None:
        """See ``RevocationSource``. What one list revokes is revoked."""
        faults, found = [], []
        for encoded in list(dict.fromkeys(lists))[:_MOST_LISTS]:
            try:
                found.append(revocation_lists.status(encoded, issued, self._clock.now()))
            except NotKnownError as fault:
                faults.append(f"a list in the signature: {fault}")
        if not found:
            raise NotKnownError("; ".join(faults) or "the signature has no revocation list")
        return next(filter(None, found), None)


class Online:
    """Asks the authorities that issued the certificates: first by OCSP, then for their lists."""

    def __init__(self, authorities: RevocationAuthorities, clock: Clock) -> None:
        self._authorities = authorities
        self._clock = clock
        self._statuses = _Once[Issued, "Revoked | NotKnownError | None"]()
        self._lists = _Once[str, "bytes | ServerError"]()

    def status(self, issued: Issued, _lists: Sequence[bytes]) -> Revoked | None:
        """See ``RevocationSource``."""
        found = self._statuses.answer(issued, lambda: self._found(issued))
        if isinstance(found, NotKnownError):
            raise NotKnownError(str(found))
        return found

    def _found(self, issued: Issued) -> Revoked | NotKnownError | None:
        try:
            ways = [(self._by_ocsp, url) for url in _first(ocsp.addresses, issued)]
            ways += [(self._by_list, url) for url in _first(revocation_lists.addresses, issued)]
        except CERTIFICATE_FAULTS:
            return NotKnownError("its extensions are damaged")
        faults = []
        for ask, url in ways:
            try:
                return ask(issued, url)
            except UnknownCertificateError as fault:
                return fault
            except (NotKnownError, ServerError) as fault:
                faults.append(f"{escape_untrusted(url)}: {fault}".rstrip("."))
        return NotKnownError("; ".join(faults) or "it names no address to ask")

    def _by_ocsp(self, issued: Issued, url: str) -> Revoked | None:
        answer = self._authorities.ask(url, ocsp.request(issued))
        return ocsp.status(answer, issued, self._clock.now())

    def _by_list(self, issued: Issued, url: str) -> Revoked | None:
        found = self._lists.answer(url, lambda: self._list(url))
        if isinstance(found, ServerError):
            raise NotKnownError(str(found))
        return revocation_lists.status(found, issued, self._clock.now())

    def _list(self, url: str) -> bytes | ServerError:
        try:
            return self._authorities.revocation_list(url)
        except ServerError as error:
            return error


class _Once(Generic[Q, A]):
    """Asks each question once, also if several threads have it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Q, threading.Lock] = {}
        self._answers: dict[Q, A] = {}

    def answer(self, question: Q, ask: Callable[[], A]) -> A:
        with self._lock:
            own = self._locks.setdefault(question, threading.Lock())
        with own:
            if question not in self._answers:
                self._answers[question] = ask()
            return self._answers[question]


def _first(addresses: Callable[[x509.Certificate], list[str]], issued: Issued) -> list[str]:
    return addresses(issued.certificate)[:_MOST_ADDRESSES]


def _was_before(moment: datetime | None, revoked: Revoked, usage: Usage) -> bool:
    """Return whether a signature is proven to be older than a revocation.

    A timestamp's time is the word of its own key, which counts only if nobody else has the key.
    """
    if moment is None or (usage is Usage.TIMESTAMPS and revoked.reason not in _KEY_WAS_KEPT):
        return False
    return moment < revoked.since


def _because(revoked: Revoked) -> str:
    return f" ({revoked.reason.value})" if revoked.reason else ""
