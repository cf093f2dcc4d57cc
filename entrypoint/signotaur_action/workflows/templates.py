"""The templates, and the names of their files in a user's repository."""

from importlib.resources import files

FILE_NAMES = {
    "build": "build-signed.yml",
    "build-self-hosted": "build-signed-self-hosted.yml",
    "rotate": "rotate-signing-key.yml",
    "rotate-called": "rotate-signing-key-called.yml",
    "rotate-deferred": "rotate-signing-key-deferred.yml",
    "rotate-image": "rotate-signing-key-image.yml",
    "rotate-self-hosted": "rotate-signing-key-self-hosted.yml",
    "rotate-when-due": "build-signed-rotate-when-due.yml",
}


def template(name: str) -> str:
    """Return the text of a template."""
    path = files("signotaur_action") / "templates" / "github" / f"{name}.yml"
    return path.read_text(encoding="utf-8")
