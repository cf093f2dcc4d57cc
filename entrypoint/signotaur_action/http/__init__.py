"""HTTP as this project allows it: every address, time, size and header fixed on purpose.

``connection``, ``name_lookup`` and ``session`` add the limits that the libraries lack, ``address``
says whom to talk to, ``sender`` sends a request until it is answered, ``client`` speaks JSON over
it, ``store_access`` is what the clients of all stores share. No other imports HTTP libraries.
"""

from signotaur_action.http.address import ServerAddress
from signotaur_action.http.answer import TOO_MANY, Answer, limit_pause, reset_pause
from signotaur_action.http.api_profile import TEMPORARY, ApiProfile
from signotaur_action.http.client import HttpClient
from signotaur_action.http.errors import HttpError, HttpErrorKind
from signotaur_action.http.refusal import refusal_text
from signotaur_action.http.sender import (
    Anonymous,
    Authentication,
    BasicCredential,
    Credential,
    Request,
    Sender,
    single_call,
)
from signotaur_action.http.store_access import StoreAccess
from signotaur_action.http.time_budget import Deadline, TimeBudget, TimeLimit

__all__ = [
    "TEMPORARY",
    "TOO_MANY",
    "Anonymous",
    "Answer",
    "ApiProfile",
    "Authentication",
    "BasicCredential",
    "Credential",
    "Deadline",
    "HttpClient",
    "HttpError",
    "HttpErrorKind",
    "Request",
    "Sender",
    "ServerAddress",
    "StoreAccess",
    "TimeBudget",
    "TimeLimit",
    "limit_pause",
    "refusal_text",
    "reset_pause",
    "single_call",
]
