"""TeamCity's parameters of a project, as its REST API's pages tell them.

https://www.jetbrains.com/help/teamcity/rest/edit-build-configuration-settings.html: "To update
a parameter's value, PUT a new value in the text/plain format to ``…/parameters/NAME/value``".
"""

from support.providers.exchange import Call, Reply
from support.providers.standin import StandIn

TOKEN = "a-token-that-may-edit-the-project"
NAME = "env.SIGNOTAUR_API_KEY"
ROUTE = f"/app/rest/projects/id:SigningProject/parameters/{NAME}/value"


class Teamcity(StandIn):
    """A project with one parameter of type Password."""

    def __init__(self) -> None:
        super().__init__()
        self.value = ""
        self.forbidden = False

    def handle(self, call: Call) -> Reply:
        """Answer a call."""
        if TOKEN in call.path:
            self.violation(f"{call.method} {call.route}: a token in the URL")
        if call.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(401, b"Authentication required")
        if self.forbidden:
            return Reply(403, b'You do not have "Edit project" permission in project')
        if (call.method, call.route) != ("PUT", ROUTE):
            return Reply(404, b"Not found")
        if call.headers.get("content-type") != "text/plain":
            self.violation(f"a value of type {call.headers.get('content-type')}")
        self.value = call.body.decode()
        return Reply(200, self.value.encode(), {"Content-Type": "text/plain"})
