"""What may be answered: each rule returns the value as it is used, or raises ValueError.

A valid value can be written to a workflow: it is one line of printable text, not an expression.
"""

import re
from datetime import timedelta

from signotaur_action.http.address import parse_server_url
from signotaur_action.policy.expiry import parse_window
from signotaur_wire.durations import parse_duration
from signotaur_wire.keyformat import without_keys

ENVIRONMENT_MAX_LENGTH = 255
LABEL_MAX_LENGTH = 256

# GitHub documents the length alone; this is what its form refuses, as PyPI found it.
_NOT_IN_ENVIRONMENTS = "'\"`,;\\"
_SECRET = re.compile(r"(?!(?i:GITHUB_))[A-Za-z_][A-Za-z0-9_]*")
# git-check-ref-format(1), without what GitHub reads as a pattern.
_BRANCH = re.compile(r"(?![/!.-])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[^ ~^:?*\[\]\\+]+(?<![/.])")
_ACTION = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*@[0-9a-f]{40}")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]")
_NOW = timedelta(0)


def server(text: str) -> str:
    """Return the server's URL without its final slash."""
    return parse_server_url(_one_line(text))


def environment(text: str) -> str:
    """Return the name of an environment."""
    if len(_one_line(text)) > ENVIRONMENT_MAX_LENGTH:
        raise ValueError(f"it is longer than {ENVIRONMENT_MAX_LENGTH} characters")
    if any(character in _NOT_IN_ENVIRONMENTS for character in text):
        raise ValueError(
            "an environment's name must not contain quotes, backticks, commas, ; or \\"
        )
    return text


def secret(text: str) -> str:
    """Return the name of a secret."""
    if not _SECRET.fullmatch(_one_line(text)):
        raise ValueError(
            "a secret's name must be letters, digits and _, and must not begin with a digit or "
            "GITHUB_"
        )
    return text


def key_file(text: str) -> str:
    """Return the path of a file on the runner."""
    if not _ABSOLUTE.match(_one_line(text)):
        raise ValueError("it must be an absolute path; variables and ~ are not expanded")
    return text


def runner(text: str) -> tuple[str, ...]:
    """Return the labels of a runner, given with commas between them."""
    labels = tuple(label.strip() for label in _one_line(text).split(","))
    if not all(0 < len(label) <= LABEL_MAX_LENGTH for label in labels):
        raise ValueError("it must be a runner's labels, separated by commas")
    return labels


def due(text: str) -> str:
    """Return how long before its end a key is rotated."""
    if parse_duration(text) <= _NOW:
        raise ValueError("it must be more than zero, or the key ends before it is rotated")
    return text.strip()


def window(text: str) -> str:
    """Return how near the end of its key a build fails."""
    if parse_window(text.strip()) is None:
        raise ValueError("it must be a time span or a share of the key's life")
    return text.strip()


def window_below(text: str, due_text: str) -> str:
    """Return the guard's window; it must be shorter than the time in which the key is due."""
    span = _span(text)
    if span is not None and span >= parse_duration(due_text):
        raise ValueError(
            f"{text} must be shorter than {due_text}: builds would fail before the rotation is due"
        )
    return text


def warning_between(window_text: str, due_text: str) -> str:
    """Return when builds warn: in the middle, when some nights should have rotated the key."""
    span = _span(window_text)
    if span is None:  # a share of the key's life, which is unknown here
        return due_text
    middle = (span + parse_duration(due_text)) / 2
    for unit in ("d", "h", "m"):
        count = middle // parse_duration(f"1{unit}")
        if parse_duration(f"{count}{unit}") > span:
            return f"{count}{unit}"
    return due_text


def branch(text: str) -> str:
    """Return the name of a branch."""
    if not _BRANCH.fullmatch(_one_line(text)) or text == "@":
        raise ValueError("it is not a branch name, or it contains + ! [ or ], which are patterns")
    return text


def action(text: str) -> str:
    """Return the action with the commit it is pinned to."""
    if not _ACTION.fullmatch(_one_line(text)):
        raise ValueError(
            "it must be OWNER/REPO@ and the 40 digits of a commit, because tags can be moved"
        )
    return text


def _span(text: str) -> timedelta | None:
    window = parse_window(text)
    return None if window is None else window.span


def _one_line(text: str) -> str:
    if without_keys(text) != text:
        raise ValueError(
            "this is a key: a workflow must not contain a key, and init never asks for one"
        )
    if not text or text != text.strip():
        raise ValueError("it is empty, or begins or ends with a space")
    if not text.isprintable():
        raise ValueError("it contains a line end or another character that cannot be printed")
    if "${{" in text:
        raise ValueError("GitHub would read ${{ as an expression")
    return text
