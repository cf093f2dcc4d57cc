"""The bare server: the key server's own listening, around an answer that never changes.

bare_app.py ANSWER_FILE [CERTIFICATE KEY]
"""

import json
import sys
from pathlib import Path
from typing import Any

from signotaur_keyserver.runtime.server import listen, serve, url_of
from signotaur_keyserver.runtime.tls import TlsFiles


def application(body: bytes) -> Any:
    """Return an ASGI application that gives every request the same JSON."""
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    end = {"type": "http.response.body", "body": body}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        await send(dict(start))
        await send(dict(end))

    return answer


def main() -> None:
    body = Path(sys.argv[1]).read_bytes()
    tls = TlsFiles(*map(Path, sys.argv[2:4])) if sys.argv[2:] else None
    with listen("127.0.0.1", 0) as listener:
        ready = json.dumps({"url": url_of(listener, secure=tls is not None)})
        serve(application(body), listener, tls, lambda: print(ready, flush=True))


if __name__ == "__main__":
    main()
