"""The key service over HTTP: transport (requests), translation of answers, the service itself."""

from signotaur_action.http_service.service import HttpKeyService
from signotaur_action.transport import ServerAddress

__all__ = ["HttpKeyService", "ServerAddress"]
