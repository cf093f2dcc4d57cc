"""What a team answers about its key, and the workflows that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from signotaur_action.workflows.templates import FILE_NAMES, template
from signotaur_action.workflows.text import rendered, scalar
from signotaur_action.workflows.validators import warning_between
from signotaur_wire.version import VERSION

PLACEHOLDER_ACTION = f"OWNER/signotaur-action@{'0' * 40}"
PLACEHOLDER_IMAGE = f"docker://registry.example.com/signotaur-action@sha256:{'0' * 64}"
CALLED = ".github/workflows/rotate.yml"
"""The workflow of the action's own repository that other workflows call."""
HOSTED_RUNNER = ("ubuntu-latest",)
INIT_FILES = (FILE_NAMES["rotate"], FILE_NAMES["build"])
DUE = "30d"
WINDOW = "7d"


@dataclass(frozen=True)
class Answers:
    """Where the server and the key are, and when the key is rotated."""

    server: str
    environment: str = "signing"
    secret: str = "SIGNOTAUR_API_KEY"  # noqa: S105 - its name
    key_file: str = ""
    """The file on the runner with the key; empty if the environment's secret has it."""
    runner: tuple[str, ...] = HOSTED_RUNNER
    due: str = DUE
    """How long before its end the key is rotated."""
    window: str = WINDOW
    """How near its end a build fails."""
    branch: str = "main"
    action: str = PLACEHOLDER_ACTION

    def values(self) -> dict[str, str]:
        """Return the values of the placeholders, as YAML."""
        note = ""
        if self.action == PLACEHOLDER_ACTION:
            note = f" # replace: its repository, and the commit of tag v{VERSION}"
        return {
            "action": self.action + note,
            "branch": scalar(self.branch),
            "called": self.action.replace("@", f"/{CALLED}@") + note,
            "destination": scalar(f"github-secret:{self.secret},env={self.environment}"),
            "due": self.due,
            "environment": scalar(self.environment),
            "image": PLACEHOLDER_IMAGE,
            "key-file": scalar(self.key_file),
            "runner": _labels(self.runner),
            "secret": self.secret,
            "server": scalar(self.server),
            "warning": scalar(warning_between(self.window, self.due)),
            "window": scalar(self.window),
        }


def workflow(name: str, values: Mapping[str, str]) -> str:
    """Return a template, filled."""
    return rendered(template(name), values)


def workflows(answers: Answers) -> dict[str, str]:
    """Return the two workflows, what rotates and what builds, by their files' names."""
    kind = "-self-hosted" if answers.key_file else ""
    values = answers.values()
    texts = (workflow(f"{name}{kind}", values) for name in ("rotate", "build"))
    return dict(zip(INIT_FILES, texts, strict=True))


def _labels(labels: tuple[str, ...]) -> str:
    texts = [scalar(label) for label in labels]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
