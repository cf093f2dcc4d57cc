"""JSON Schemas of the token exchange, in the names of RFC 8693."""

from signotaur_keyserver.api.schemas import Schema
from signotaur_wire.exchange import (
    ACCESS_TOKEN,
    GRANT_TYPE,
    LONGEST_LIFE,
    SHORTEST_LIFE,
    SUBJECT_TOKEN_TYPES,
)


def components() -> dict[str, Schema]:
    """Return the named schemas of the exchange."""
    life = {"type": "integer", "minimum": SHORTEST_LIFE, "maximum": LONGEST_LIFE}
    return {
        "ExchangeRequest": _object(
            {
                "grant_type": {"enum": [GRANT_TYPE]},
                "subject_token": {"type": "string", "minLength": 1, "description": "The ID token."},
                "subject_token_type": {"enum": list(SUBJECT_TOKEN_TYPES)},
                "requested_token_type": {"enum": [ACCESS_TOKEN]},
                "lifetime": life | {"description": "Seconds that the key shall live at most."},
            },
            "grant_type",
            "subject_token",
            "subject_token_type",
        ),
        "ExchangeAnswer": _object(
            {
                "access_token": {"type": "string", "description": "The key."},
                "issued_token_type": {"enum": [ACCESS_TOKEN]},
                "token_type": {"enum": ["Bearer"]},
                "expires_in": life | {"description": "Seconds that the key lives."},
            },
            "access_token",
            "issued_token_type",
            "token_type",
            "expires_in",
        ),
    }


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}
