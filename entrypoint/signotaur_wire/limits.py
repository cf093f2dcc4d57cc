"""Numbers that both sides must agree on."""

from datetime import timedelta

OVERLAP_DAYS_MIN = 0
OVERLAP_DAYS_MAX = 30
OVERLAP_DAYS_DEFAULT = 7

LEASE = timedelta(minutes=10)
"""How long the lease of one run lasts if it is not renewed. A run's watchdog must be shorter."""

MAX_CANDIDATES = 3
"""Unconfirmed successors that one key may have at a time."""

HOLDER_MAX_LENGTH = 200
DESTINATIONS_MAX = 50
"""Destinations whose outcome a confirmation may tell."""
MAX_BODY_BYTES = 64 * 1024
