"""Who calls, in tests of HTTP."""

from signotaur_action.http import ApiProfile, Credential
from signotaur_action.model import Secret

PROFILE = ApiProfile("a test", repeatable=("GET",), headers={"Connection": "close"})
CREDENTIAL = Credential(Secret("s" * 20))
