"""The token exchange (RFC 8693): an ID token of a CI job becomes a key that lives a short time.

Its form is the RFC's: a request is a form, and names are in snake_case.
"""

from dataclasses import dataclass

from signotaur_wire.members import Json, Members

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a type
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
SUBJECT_TOKEN_TYPES = (JWT, ID_TOKEN)
SHORTEST_LIFE = 60
"""Seconds that a key may be asked to live at least."""
LONGEST_LIFE = 3600
"""Seconds that a key of an exchange lives at most."""


@dataclass(frozen=True)
class ExchangeAnswer:
    """Answer of ``POST /token-exchange``: the key, and the seconds that it lives."""

    access_token: str
    expires_in: int
    issued_token_type: str = ACCESS_TOKEN
    token_type: str = "Bearer"  # noqa: S105

    def __repr__(self) -> str:
        return "ExchangeAnswer(...)"

    def to_json(self) -> Json:
        """Return the answer as a JSON object."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: object) -> "ExchangeAnswer":
        """Read a received answer. Raises WireError."""
        members = Members(value)
        return cls(
            access_token=members.text("access_token"),
            expires_in=members.integer("expires_in"),
            issued_token_type=members.text("issued_token_type"),
            token_type=members.text("token_type"),
        )
