"""What guards a browser's session: cookies, CSRF tokens, the origin of a request, headers."""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from signotaur_keyserver.domain import refusals
from signotaur_keyserver.service.sign_in import LIFETIME

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
SESSION = "signotaur-session"
VISIT = "signotaur-visit"
"""Cookie of a browser that shows the sign-in form: its CSRF token is derived from it."""
FLASH = "signotaur-flash"
HEADERS = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
    # Not no-referrer: a browser would then send "Origin: null" with each form.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_TOO_OLD = "The form is too old, or another site sent it. Load the page again."
_ANOTHER_SITE = "Another site sent this request."


def cookie(request: Request, name: str) -> str | None:
    """Return the value of one of our cookies."""
    return request.cookies.get(_name(request, name))


def set_cookie(request: Request, answer: Response, name: str, value: str) -> None:
    """Give a cookie that no script reads and no other site makes a browser send."""
    answer.set_cookie(
        _name(request, name),
        value,
        max_age=int(LIFETIME.total_seconds()) if name == SESSION else None,
        path="/",
        secure=_is_secure(request) or _came_through_tls(request),
        httponly=True,
        samesite="strict",
    )


def delete_cookie(request: Request, answer: Response, name: str) -> None:
    """Take a cookie away."""
    answer.delete_cookie(
        _name(request, name), path="/", secure=_is_secure(request), httponly=True, samesite="strict"
    )


def new_visit() -> str:
    """Return a value for the cookie of a browser that did not sign in."""
    return secrets.token_urlsafe(32)


def csrf_token(secret: str) -> str:
    """Return the CSRF token of a session's token, or of the cookie before the sign-in."""
    return _mac(secret, "csrf")


def require_same_site(request: Request) -> None:
    """Raise RefusedError for a request that another site made a browser send."""
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        cross = fetch_site not in ("same-origin", "none")
    else:  # an old browser, or no browser
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        cross = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    if cross:
        raise refusals.not_allowed(_ANOTHER_SITE)


def require_csrf_token(secret: str | None, given: str) -> None:
    """Raise RefusedError unless a CSRF token belongs to a session or a visit."""
    expected = "" if secret is None else csrf_token(secret)
    if not (expected and hmac.compare_digest(expected.encode(), given.encode())):
        raise refusals.not_allowed(_TOO_OLD)


def seal_flash(secret: str, text: str) -> str:
    """Return the value of the cookie that carries a message to the next page."""
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    return f"{encoded}.{_mac(secret, encoded)}"


def open_flash(secret: str, value: str) -> str | None:
    """Return the message of a cookie that this session's server made; None of any other."""
    encoded, _, mac = value.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(secret, encoded).encode()):
        return None
    return base64.urlsafe_b64decode(encoded).decode()


def _mac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _came_through_tls(request: Request) -> bool:
    """Return whether the browser's own connection is TLS, which a proxy in front may end."""
    return request.headers.get("origin", "").startswith("https://")


def _name(request: Request, name: str) -> str:
    # A cookie of this prefix cannot be set by a neighbour host or over plain HTTP.
    return f"__Host-{name}" if _is_secure(request) else name
