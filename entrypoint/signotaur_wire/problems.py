"""Problem types: the stable slugs in the ``type`` member of an error answer (RFC 9457)."""

from enum import StrEnum

MEDIA_TYPE = "application/problem+json"


class Problem(StrEnum):
    """Why the server refused. The slug is the contract; titles and details may change."""

    UNKNOWN_KEY = "unknown-key"
    """401. The same answer for every cause that an unauthenticated client could probe."""
    KEY_EXPIRED = "key-expired"
    """401, told only to the holder of the key."""
    KEY_REVOKED = "key-revoked"
    """401, told only to the holder of the key."""
    KEY_DISABLED = "key-disabled"
    """401, told only to the holder of the key: the key or its owner is disabled."""
    ROLE_REQUIRED = "role-required"
    """403. The key's owner lacks the role ApiKeyRotator."""
    INVALID_OVERLAP = "invalid-overlap"
    """422. The overlap is outside 0 to 30 days."""
    ROTATION_OPEN = "rotation-open"
    """409. Another run owns the lease. Members: holder, openedAt, leaseUntil; Retry-After."""
    ALREADY_ROTATED = "already-rotated"
    """409. The key has a confirmed successor. Members: successorKeyId, confirmedAt; and
    successorInUseSince when it was used since its confirmation, so that ``again`` is refused."""
    ROTATION_MISMATCH = "rotation-mismatch"
    """422 when the same id came with another body; 409 when the rotation's state forbids it."""
    TOO_MANY_CANDIDATES = "too-many-candidates"
    """409. Three unconfirmed successors were already used. Members: candidateKeyIds."""
    RATE_LIMITED = "rate-limited"
    """429. With Retry-After."""
    UNKNOWN_ROTATION = "unknown-rotation"
    """404. No rotation with this id is visible to this key."""
    MALFORMED_REQUEST = "malformed-request"
    """400 or 422. Members: fields, the names of the members at fault, never their values."""
    NOT_FOUND = "not-found"
    """404 or 405. No such path or method."""
    UNAVAILABLE = "unavailable"
    """503. The database cannot be reached or is busy. With Retry-After."""
    INTERNAL_ERROR = "internal-error"
    """500. Nothing was changed: every change is one transaction."""
