"""Secrets that somebody wrote into a file that must contain none, by their known forms."""

import re

from signotaur_wire.keyformat import without_keys

_FORMS = (
    r"gh[pousr]_\w{20,}",  # GitHub
    r"github_pat_\w{20,}",
    r"glpat-[\w-]{16,}",  # GitLab
    r"hv[sbr]\.[\w-]{16,}",  # Vault
    r"bkua_\w{16,}",  # Buildkite
    r"A[KS]IA[0-9A-Z]{16}",  # Amazon
    r"eyJ[\w-]{8,}\.eyJ[\w.-]{8,}",  # a JSON Web Token
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",  # the password of an address
)
_SECRET = re.compile("|".join(_FORMS), re.ASCII)


def without_secrets(text: str) -> str:
    """Return the text with every secret of a known form left out."""
    return _SECRET.sub("***", without_keys(text))


def lines_with_secrets(text: str) -> list[int]:
    """Return the numbers, from 1, of the lines that contain a secret of a known form."""
    lines = text.splitlines()
    return [number for number, line in enumerate(lines, 1) if without_secrets(line) != line]
