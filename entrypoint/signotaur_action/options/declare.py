"""What an option is."""

from dataclasses import dataclass
from typing import Any

AUTHENTICATION = "Authentication"
ROTATION = "Rotation settings"
DESTINATION = "Output destination"
LIMITS = "Limits"
MISCELLANEOUS = "Miscellaneous"


@dataclass(frozen=True)
class Option:
    """One option. ``name`` is the long flag without dashes, and the action's input."""

    name: str
    help: str
    group: str
    """The heading under which ``--help`` shows it."""
    metavar: str = ""
    """What the value is, as ``--help`` shows it; empty for a flag."""
    short: tuple[str, ...] = ()
    default: str = ""
    """The value when no layer sets one; empty if there is no default."""
    environment: str = ""
    """The SIGNOTAUR_ variable; empty if there is none."""
    config: str = ""
    """The member of ~/.signotaur/config.json; empty if there is none."""
    repeatable: bool = False
    input_help: str = ""
    """The help of the action's input where it differs from the command line's."""

    def __str__(self) -> str:
        """Return the long flag, as messages name the option."""
        return f"--{self.name}"

    @property
    def is_flag(self) -> bool:
        """Whether the option takes no value."""
        return not self.metavar

    @property
    def input_variable(self) -> str:
        """The variable GitHub sets for the action's input: upper case, hyphens kept."""
        return f"INPUT_{self.name.upper()}"

    @property
    def parameter(self) -> str:
        """The name of the option in ``Invocation.given``."""
        return self.name.replace("-", "_")

    @property
    def full_help(self) -> str:
        """The help with default and environment name."""
        notes = [f"default: {self.default}"] if self.default else []
        notes += [f"env: {self.environment}"] if self.environment else []
        return f"{self.help} [{'; '.join(notes)}]" if notes else self.help


def declare(name: str, *short: str, help: str, group: str, **rest: Any) -> Option:  # noqa: A002
    """Return an option; its environment name follows from its name unless one is given."""
    environment = rest.pop("environment", f"SIGNOTAUR_{name.upper().replace('-', '_')}")
    return Option(name, help, group, short=short, environment=environment, **rest)
