"""What the clients of all servers share in one run, except that of the key server."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from signotaur_action.http.address import ServerAddress, proxy_for
from signotaur_action.http.api_profile import ApiProfile
from signotaur_action.http.client import HttpClient
from signotaur_action.http.time_budget import TimeBudget
from signotaur_action.ports import Clock

_SECONDS = 150
"""For the stores of a run together. With the key server's 60 seconds this ends well before the
watchdog's 300, so that a store that is slow, or asks to wait, is reported and not just killed."""


class StoreAccess:
    """The way to other servers: the proxy, the authorities to trust, the time that is left."""

    def __init__(
        self,
        environ: Mapping[str, str],
        clock: Clock,
        *,
        ca_file: Path | None = None,
        budget: TimeBudget | None = None,
    ) -> None:
        """``ca_file``: ``--ca-file``, here trusted besides the usual authorities."""
        self.environ = environ
        self.clock = clock
        self.budget = budget or TimeBudget(_SECONDS, f"{_SECONDS} s for all stores of a run", clock)
        self._ca_file = ca_file

    def client(
        self, url: str, profile: ApiProfile, *, also_trusted: Sequence[Path] = ()
    ) -> HttpClient:
        """Return a client for a server. Raises HttpError when authorities cannot be read."""
        own = [self._ca_file] if self._ca_file else []
        return HttpClient(
            ServerAddress(url, proxy=proxy_for(url, self.environ)),
            replace(profile, also_trusted=(*own, *also_trusted)),
            self.budget,
            self.clock,
        )
