"""HTTP as this project allows it: every address, time, size and header fixed on purpose.

``session`` holds what the libraries leave open, ``address`` whom to talk to, ``client`` one
exchange after the other, ``outside`` what clients of other servers share. Nobody else imports an
HTTP library.
"""

from signotaur_action.transport.address import ServerAddress
from signotaur_action.transport.client import Answer, Credential, HttpClient, Manners
from signotaur_action.transport.faults import FaultKind, HttpFault
from signotaur_action.transport.outside import Outside
from signotaur_action.transport.timing import Allowance, Deadline, TimeLimit

__all__ = [
    "Allowance",
    "Answer",
    "Credential",
    "Deadline",
    "FaultKind",
    "HttpClient",
    "HttpFault",
    "Manners",
    "Outside",
    "ServerAddress",
    "TimeLimit",
]
