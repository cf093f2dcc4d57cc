"""What an option is, and the register of all of them."""

from dataclasses import dataclass
from typing import Any

import typer


@dataclass(frozen=True)
class Option:
    """One option. ``name`` is the long flag without dashes, and the action's input."""

    name: str
    help: str
    short: tuple[str, ...] = ()
    default: str = ""
    """What holds when nothing is given; empty where nothing holds."""
    environment: str = ""
    """The SIGNOTAUR_ variable; empty where there is none."""
    config: str = ""
    """The member of ~/.signotaur/config.json; empty where there is none."""
    is_flag: bool = False
    repeatable: bool = False

    @property
    def input_variable(self) -> str:
        """The variable GitHub sets for the action's input: upper case, hyphens kept."""
        return f"INPUT_{self.name.upper()}"

    @property
    def parameter(self) -> str:
        """The name of the option as a Python parameter."""
        return self.name.replace("-", "_")

    @property
    def full_help(self) -> str:
        """The help with default and environment name."""
        notes = [f"default: {self.default}"] if self.default else []
        notes += [f"env: {self.environment}"] if self.environment else []
        return f"{self.help} [{'; '.join(notes)}]" if notes else self.help


OPTIONS: dict[str, Option] = {}


def declared(name: str, *short: str, help: str, **rest: Any) -> Any:  # noqa: A002
    """Declare an option and return what Typer needs to know of it."""
    environment = rest.pop("environment", f"SIGNOTAUR_{name.upper().replace('-', '_')}")
    option = Option(name, help, short, environment=environment, **rest)
    OPTIONS[name] = option
    return typer.Option(*short, f"--{name}", help=option.full_help)


Text = str | None
Flag = bool | None
Texts = list[str] | None
