"""The key service over HTTP: calls, translation of answers, the service itself."""

from signotaur_action.http import ServerAddress
from signotaur_action.key_server.keys import HttpKeyService

__all__ = ["HttpKeyService", "ServerAddress"]
