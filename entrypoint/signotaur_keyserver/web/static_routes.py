"""The files that pages load: one stylesheet, one script, one icon."""

from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

_TYPES = {
    "style.css": "text/css; charset=utf-8",
    "copy.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FOLDER = files("signotaur_keyserver.web") / "static"

router = APIRouter()


def _add(name: str, media_type: str) -> None:
    content = (_FOLDER / name).read_bytes()
    path = f"/static/{name}"

    async def serve_file(request: Request) -> Response:
        request.state.route = path
        return Response(content, media_type=media_type)

    router.add_api_route(path, serve_file, methods=["GET"], include_in_schema=False)


for _name, _media_type in _TYPES.items():
    _add(_name, _media_type)
