"""Refusals as pages: whatever part of the server refused, a browser gets a page."""

import json
from http import HTTPStatus

from jinja2 import Environment
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signotaur_keyserver.web.protection import HEADERS
from signotaur_wire.problems import MEDIA_TYPE


class PageBoundary:
    """Gives every answer outside the API its headers, and problems a page for browsers."""

    def __init__(self, app: ASGIApp, templates: Environment) -> None:
        self._app = app
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol."""
        if scope["type"] != "http" or scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        wants_page = "text/html" in Headers(scope=scope).get("accept", "")
        problem: list[Message] = []
        body = b""

        async def send_page(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
                if wants_page and _is_problem(message):
                    problem.append(message)
                    return
            elif problem:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await self._send(problem[0], body, send)
                return
            await send(message)

        await self._app(scope, receive, send_page)

    async def _send(self, start: Message, body: bytes, send: Send) -> None:
        refusal = json.loads(body)
        page = self._templates.get_template("error.html").render(
            status=start["status"],
            phrase=HTTPStatus(start["status"]).phrase,
            detail=refusal["detail"],
        )
        encoded = page.encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"] = "text/html; charset=utf-8"
        headers["content-length"] = str(len(encoded))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": encoded})


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type") == MEDIA_TYPE
