"""From the command line and its environment to checked settings, with every fault at once.

Precedence of every option: command line > ``INPUT_<NAME>`` (set by GitHub for each input, empty
means unset) > ``SIGNOTAUR_*`` > ``~/.signotaur/config.json`` > default. Among options that exclude
one another the highest layer that has any decides; two of them in one layer are a fault.

A GitHub job reads no config.json: the home folder is shared by all steps, and on a self-hosted
runner by all jobs, so what an untrusted one leaves there could name another server.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from signotaur_action.ci.detect import under_github
from signotaur_action.options.declare import Option
from signotaur_action.settings.config_file import config_path, read_config

Value = str | bool | Sequence[str]
T = TypeVar("T")

_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})


class Settings:
    """The values of a command's options; what is wrong with them gathers in ``faults``."""

    def __init__(self, given: Mapping[str, object], environ: Mapping[str, str]) -> None:
        """``given``: the command line's values by parameter name; None means not given."""
        self.faults: list[str] = []
        self.environ = environ
        self._config = {} if under_github(environ) else self._read_config()
        self._layers: tuple[tuple[str, Callable[[Option], Value | None]], ...] = (
            ("command line", lambda option: _from_command_line(given.get(option.parameter))),
            ("input", lambda option: self._from_variable(option, option.input_variable)),
            ("environment", lambda option: self._from_variable(option, option.environment)),
            ("config.json", self._from_config),
        )

    def text(self, option: Option) -> str:
        """Return an option's text, its default, or an empty text."""
        value = self._value(option)
        return value if isinstance(value, str) else option.default

    def flag(self, option: Option) -> bool:
        """Return an option that is on or off."""
        return self._value(option) is True

    def is_given(self, option: Option) -> bool:
        """Return whether any layer sets the option."""
        return self.layer_of(option) is not None

    def layer_of(self, option: Option) -> str | None:
        """Return the highest layer that sets the option, by its name; None where none does."""
        return next((layer for layer, read in self._layers if read(option) is not None), None)

    def is_on_command_line(self, option: Option) -> bool:
        """Return whether the command line itself sets the option."""
        return self.layer_of(option) == self._layers[0][0]

    def one_of(self, *options: Option) -> tuple[Option, Sequence[str]] | None:
        """Return which of several exclusive options applies, and its texts; None if none is set."""
        for layer, read in self._layers:
            values = {option: read(option) for option in options}
            present = [option for option in options if values[option] not in (None, False)]
            if len(present) > 1:
                *others, last = map(str, present)
                names = f"{', '.join(others)} and {last}"
                self.faults.append(f"{names} cannot be used together (source: {layer})")
            if present:
                value = values[present[0]]
                return present[0], [value] if isinstance(value, str) else _texts(value)
        return None

    def preferred(self, *options: Option) -> tuple[Option, str] | None:
        """Return the first option in the highest layer that has any of these, and its text."""
        for _, read in self._layers:
            for option in options:
                value = read(option)
                if isinstance(value, str):
                    return option, value
        return None

    def texts(self, option: Option) -> Sequence[str]:
        """Return all texts of an option that may be repeated."""
        value = self._value(option)
        return [] if value is None or isinstance(value, bool) else [text for text in value if text]

    def checked(self, option: Option, read: Callable[[str], T], fallback: T) -> T:
        """Read an option's text with ``read``; its ValueError becomes a fault."""
        try:
            return read(self.text(option))
        except ValueError as error:
            self.faults.append(f"{option}: {error}")
            return fallback

    def _value(self, option: Option) -> Value | None:
        for _, read in self._layers:
            value = read(option)
            if value is not None:
                return value
        return None

    def _from_variable(self, option: Option, variable: str) -> Value | None:
        text = self.environ.get(variable, "").strip() if variable else ""
        if not text:
            return None
        if option.is_flag:
            return self._boolean(variable, text)
        if option.repeatable:  # one value on each line, read as GitHub's toolkit reads it
            return [line.strip() for line in text.split("\n")]
        return text

    def _from_config(self, option: Option) -> Value | None:
        value = self._config.get(option.config) if option.config else None
        expected = bool if option.is_flag else str
        if value is None or isinstance(value, expected):
            return value or None
        self._fault_once(f"config.json: {option.config} is not {_json_kind(expected)}")
        return None

    def _boolean(self, variable: str, text: str) -> bool | None:
        # GitHub's own rule for booleans: YAML 1.2 core schema, nothing else.
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        self._fault_once(f"{variable} must be true or false")
        return None

    def _read_config(self) -> Mapping[str, object]:
        try:
            return read_config(config_path(self.environ))
        except ValueError as error:
            self.faults.append(str(error))
            return {}

    def _fault_once(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)


def _from_command_line(value: object) -> Value | None:
    if isinstance(value, str | bool):
        return value
    return _texts(value) or None


def _texts(value: object) -> Sequence[str]:
    return [text for text in value if text] if isinstance(value, list | tuple) else []


def _json_kind(expected: type) -> str:
    return "true or false" if expected is bool else "a string"
