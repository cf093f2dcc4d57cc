"""What a server's policy and a key's own say of keys: their life, their use, their networks.

Pure. A key's own value overrules the server's; where both say nothing there is no limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.records import Key
from signotaur_wire.limits import OVERLAP_DAYS_MAX, OVERLAP_DAYS_MIN
from signotaur_wire.members import Json

NETWORKS_MAX = 50
REQUESTS_MAX = 1_000_000
SIGNATURES_MAX = 100_000
"""A budget is counted at each signature."""
BUDGET_PERIOD = timedelta(hours=1)
SETTING = "policy"
"""Name of the setting that is the server's policy."""

Network = IPv4Network | IPv6Network


class Purpose(StrEnum):
    """What a key may do besides describing itself."""

    ANY = "any"
    ROTATE = "rotate"
    SIGN = "sign"


class PolicyError(ValueError):
    """A policy is not possible. The message says why, and ``field`` where."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Policy:
    """Limits; None is no limit."""

    expiry_required: bool = False
    longest_life_days: int | None = None
    """Of new keys and of successors."""
    overlap_days_min: int | None = None
    overlap_days_max: int | None = None
    networks: tuple[str, ...] | None = None
    """Networks in CIDR notation that keys may come from."""
    requests_per_minute: int | None = None
    signatures_per_hour: int | None = None

    def __post_init__(self) -> None:
        for field, what, most in (
            ("longest_life_days", "the longest life", 36_500),
            ("requests_per_minute", "requests per minute", REQUESTS_MAX),
            ("signatures_per_hour", "signatures per hour", SIGNATURES_MAX),
        ):
            value = getattr(self, field)
            if value is not None and not 1 <= value <= most:
                raise PolicyError(f"{what} must be from 1 to {most}", field)
        low, high = overlap_range(self)
        if not OVERLAP_DAYS_MIN <= low <= high <= OVERLAP_DAYS_MAX:
            raise PolicyError(
                f"an overlap is {OVERLAP_DAYS_MIN} to {OVERLAP_DAYS_MAX} days, and the smallest "
                "must not be above the largest",
                "overlap_days_max",
            )
        if self.expiry_required and self.longest_life_days is None:
            raise PolicyError(
                "to require an expiry, set the longest life as well: it is the life of the "
                "successor of a key that never expires",
                "longest_life_days",
            )
        parse_networks(self.networks or ())

    def to_json(self) -> Json:
        """Return what is set, as a JSON object."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        if self.networks is not None:
            values["networks"] = list(self.networks)
        return {name: value for name, value in values.items() if value not in (None, False)}

    @classmethod
    def from_json(cls, value: Json | None) -> "Policy":
        """Read a stored policy; members that this version does not know are left out."""
        known = {each.name for each in fields(cls)}
        values = {name: given for name, given in (value or {}).items() if name in known}
        networks = values.pop("networks", None)
        own = tuple(str(each) for each in networks) if isinstance(networks, list) else None
        return cls(networks=own, **values)  # type: ignore[arg-type]


def of_key(key: Key) -> Policy:
    """Return what counts for a key."""
    server = Policy.from_json(key.server_policy)
    low, high = overlap_range(server)
    own_low, own_high = key.overlap_days_min, key.overlap_days_max
    # One bound may be the key's and the other one the server's: the key's decides.
    low = own_low if own_low is not None else min(low, high if own_high is None else own_high)
    high = own_high if own_high is not None else max(low, high)
    return Policy(
        expiry_required=server.expiry_required,
        longest_life_days=server.longest_life_days,
        overlap_days_min=low,
        overlap_days_max=high,
        networks=server.networks if key.networks is None else tuple(key.networks),
        requests_per_minute=requests_per_minute(key),
        signatures_per_hour=signatures_per_hour(key),
    )


def requests_per_minute(key: Key) -> int | None:
    """Return how many requests a key may make; None: the policies do not say."""
    return _own(key.requests_per_minute, key.server_policy, "requests_per_minute")


def signatures_per_hour(key: Key) -> int | None:
    """Return a key's signing budget; None: there is none."""
    return _own(key.signatures_per_hour, key.server_policy, "signatures_per_hour")


def overlap_range(policy: Policy) -> tuple[int, int]:
    """Return the smallest and the largest overlap, in days."""
    low = OVERLAP_DAYS_MIN if policy.overlap_days_min is None else policy.overlap_days_min
    high = OVERLAP_DAYS_MAX if policy.overlap_days_max is None else policy.overlap_days_max
    return low, high


def parse_networks(texts: Sequence[str]) -> list[Network]:
    """Return networks in CIDR notation. Raises PolicyError."""
    if len(texts) > NETWORKS_MAX:
        raise PolicyError(f"at most {NETWORKS_MAX} networks can be given", "networks")
    try:
        return [ip_network(text) for text in texts]
    except ValueError:
        message = "a network is written like 192.0.2.0/24 or 2001:db8::/32"
        raise PolicyError(message, "networks") from None


def require_network(key: Key, source: str | None) -> None:
    """Raise RefusedError unless a key may be used from an address."""
    # At every request: the whole policy would take longer to build than the key to find.
    networks: Any = key.networks
    if networks is None and key.server_policy is not None:
        networks = key.server_policy.get("networks")
    if networks is not None and not _contains(parse_networks(networks), source):
        raise refusals.network_denied(key.id)


def require_purpose(key: Key, needed: Purpose) -> None:
    """Raise RefusedError unless a key may rotate, or sign."""
    if key.purpose not in (Purpose.ANY, needed):
        raise refusals.purpose_denied(key.purpose, key.id)


def require_overlap(key: Key, days: int) -> None:
    """Raise RefusedError unless a rotation of a key may have this overlap."""
    low, high = overlap_range(of_key(key))
    if not low <= days <= high:
        raise refusals.invalid_overlap(low, high)


def require_budget(key: Key, oldest: datetime | None, now: datetime) -> None:
    """Raise RefusedError when a key has used its signatures of the last hour.

    ``oldest`` is the moment of the signature that leaves the hour next, None if there is room.
    """
    if oldest is not None and oldest + BUDGET_PERIOD > now:
        wait = (oldest + BUDGET_PERIOD - now).total_seconds()
        raise refusals.signing_budget_spent(key.id, wait)


def require_lifetime(server: Policy, lifetime: timedelta | None) -> None:
    """Raise PolicyError unless a new key may live this long; None is for ever."""
    if lifetime is None:
        if server.expiry_required:
            raise PolicyError("the server's policy requires an expiry")
    elif server.longest_life_days is not None and lifetime.days >= server.longest_life_days:
        longest = timedelta(days=server.longest_life_days)
        if lifetime > longest:
            raise PolicyError(f"the server's policy allows at most {longest.days} days")


def successor_life(key: Key) -> timedelta | None:
    """Return how long a successor of a key lives; None is for ever."""
    server = Policy.from_json(key.server_policy)
    if server.longest_life_days is None:
        return key.lifetime
    longest = timedelta(days=server.longest_life_days)
    if key.lifetime is None:
        return longest if server.expiry_required else None
    return min(key.lifetime, longest)


def _own(own: int | None, server: Json | None, name: str) -> int | None:
    if own is not None or server is None:
        return own
    value: Any = server.get(name)
    return value if isinstance(value, int) else None


def _contains(networks: Sequence[Network], source: str | None) -> bool:
    try:
        address = ip_address(source or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
