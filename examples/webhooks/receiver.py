"""Receive the webhooks of signotaur-keyserver: check each signature, then print the message.

    receiver.py PORT CERTIFICATE.pem KEY.pem

The variable SIGNOTAUR_WEBHOOK_SECRET holds what ``webhook add`` printed.
"""

import hashlib
import hmac
import json
import os
import re
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300
"""Seconds that a message may be old: a recorded one cannot be sent again later."""
BODY_LIMIT = 64 * 1024


def verified(secret: str, header: str, body: bytes, now: float) -> bool:
    """Return whether the key server sent this body, a moment ago."""
    match = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", header)
    if match is None or abs(now - int(match[1])) > TOLERANCE:
        return False
    signed = match[1].encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(match[2], expected)


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine; anything else is tried again by the server."""

    timeout = 15

    def do_POST(self) -> None:
        """Take one message."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), BODY_LIMIT))
        header = self.headers.get("Signotaur-Signature", "")
        if not verified(os.environ["SIGNOTAUR_WEBHOOK_SECRET"], header, body, time.time()):
            self.send_error(401)
            return
        # A message may come twice: Signotaur-Delivery is the same then.
        message = json.loads(body)
        print(self.headers["Signotaur-Delivery"], message["type"], message["message"], flush=True)
        self.send_response(204)
        self.end_headers()


def main(port: int, certificate: str, key: str) -> None:
    """Serve until the program is ended."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print("ready", server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
