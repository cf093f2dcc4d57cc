"""HTTP as this project allows it: every address, time, size and header fixed on purpose.

``connection`` and ``session`` hold what the libraries leave open, ``address`` whom to talk to,
``sender`` one request until its answer came, ``client`` JSON over it, ``outside`` what clients of
other servers share. Nobody else imports an HTTP library.
"""

from signotaur_action.transport.address import ServerAddress
from signotaur_action.transport.answer import Answer
from signotaur_action.transport.client import HttpClient
from signotaur_action.transport.faults import FaultKind, HttpFault
from signotaur_action.transport.manners import TEMPORARY, TOO_MANY, Manners
from signotaur_action.transport.outside import Outside
from signotaur_action.transport.sender import Credential, Request, Sender
from signotaur_action.transport.timing import Allowance, Deadline, TimeLimit

__all__ = [
    "TEMPORARY",
    "TOO_MANY",
    "Allowance",
    "Answer",
    "Credential",
    "Deadline",
    "FaultKind",
    "HttpClient",
    "HttpFault",
    "Manners",
    "Outside",
    "Request",
    "Sender",
    "ServerAddress",
    "TimeLimit",
]
