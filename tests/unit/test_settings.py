"""The precedence of every option in every layer, and every fault at once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signotaur_action.options.commands import OPTIONS
from signotaur_action.options.declare import Option
from signotaur_action.settings.layers import Settings
from support.runner import boolean_input, multiline_input

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "runner_cases.json").read_bytes()
)
LAYERS = ("command line", "input", "environment", "config.json")
TEXT_OPTIONS = [o for o in OPTIONS.values() if not o.is_flag and not o.repeatable]
FLAGS = [o for o in OPTIONS.values() if o.is_flag]
REPEATABLE = [o for o in OPTIONS.values() if o.repeatable]


class SettingsHarness:
    """The layers of a command, filled by name."""

    def __init__(self, home: Path) -> None:
        self.given: dict[str, object] = {}
        self.environ = {"HOME": str(home)}
        self._config: dict[str, object] = {}
        self._path = home / ".signotaur" / "config.json"

    def put(self, layer: str, option: Option, value: object) -> None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if layer == "command line":
            self.given[option.parameter] = [value] if option.repeatable else value
        elif layer == "input":
            self.environ[option.input_variable] = text
        elif layer == "environment":
            self.environ[option.environment] = text
        else:
            self._config[option.config] = value
            self.write(json.dumps(self._config).encode())

    def write(self, config: bytes) -> None:
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_bytes(config)

    def settings(self) -> Settings:
        return Settings(self.given, self.environ)


@pytest.fixture
def harness(tmp_path: Path) -> SettingsHarness:
    return SettingsHarness(tmp_path)


def layers_of(option: Option) -> list[str]:
    has = {"environment": option.environment, "config.json": option.config}
    return [layer for layer in LAYERS if has.get(layer, "always")]


def pairs(options: list[Option]) -> list[Any]:
    """Return every option with every two of its layers, the higher one first."""
    return [
        pytest.param(option, high, low, id=f"{option.name}: {high} > {low}")
        for option in options
        for place, high in enumerate(layers_of(option))
        for low in layers_of(option)[place + 1 :]
    ]


def singles(options: list[Option]) -> list[Any]:
    return [
        pytest.param(option, layer, id=f"{option.name} from {layer}")
        for option in options
        for layer in layers_of(option)
    ]


def value_of(settings: Settings, option: Option) -> object:
    if option.is_flag:
        return settings.flag(option)
    if option.repeatable:
        found = settings.one_of(option)
        return None if found is None else list(found[1])
    return settings.text(option)


def test_every_option_is_of_one_kind() -> None:
    assert len(TEXT_OPTIONS) + len(FLAGS) + len(REPEATABLE) == len(OPTIONS) > 15


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_an_option_that_nobody_gives_has_its_default(
    harness: SettingsHarness, option: Option
) -> None:
    settings = harness.settings()
    expected = False if option.is_flag else (None if option.repeatable else option.default)
    assert value_of(settings, option) == expected
    assert not settings.is_given(option)
    assert settings.faults == []


@pytest.mark.parametrize(("option", "layer"), singles(list(OPTIONS.values())))
def test_an_option_is_taken_from_each_of_its_layers(
    harness: SettingsHarness, option: Option, layer: str
) -> None:
    harness.put(layer, option, option.is_flag or "some value")
    expected = option.is_flag or (["some value"] if option.repeatable else "some value")
    settings = harness.settings()
    assert value_of(settings, option) == expected
    assert settings.is_given(option)
    assert settings.faults == []


@pytest.mark.parametrize(("option", "high", "low"), pairs(TEXT_OPTIONS + REPEATABLE))
def test_the_higher_layer_decides(
    harness: SettingsHarness, option: Option, high: str, low: str
) -> None:
    harness.put(low, option, "the lower one")
    harness.put(high, option, "the higher one")
    expected = ["the higher one"] if option.repeatable else "the higher one"
    assert value_of(harness.settings(), option) == expected


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize(("option", "high", "low"), pairs(FLAGS))
def test_the_higher_layer_turns_a_flag_on_and_off(
    harness: SettingsHarness, option: Option, high: str, low: str, *, upper: bool
) -> None:
    harness.put(low, option, not upper)
    harness.put(high, option, upper)
    assert harness.settings().flag(option) is upper


@pytest.mark.parametrize("blank", ["", " ", "\n", "\t \n"])
@pytest.mark.parametrize("layer", ["input", "environment"])
@pytest.mark.parametrize("option", [o for o in OPTIONS.values() if o.environment], ids=str)
def test_an_empty_variable_is_unset(
    harness: SettingsHarness, option: Option, layer: str, blank: str
) -> None:
    harness.put(layer, option, blank)
    settings = harness.settings()
    assert not settings.is_given(option)
    assert settings.faults == []


def test_an_empty_input_lets_the_environment_speak(harness: SettingsHarness) -> None:
    harness.put("input", OPTIONS["sign-server"], "")
    harness.put("environment", OPTIONS["sign-server"], "https://env")
    assert harness.settings().text(OPTIONS["sign-server"]) == "https://env"


def test_the_key_itself_has_no_variable_of_its_own_and_no_place_in_the_configuration() -> None:
    assert layers_of(OPTIONS["api-key"]) == ["command line", "input"]
    assert OPTIONS["api-key-name"].default == "SIGNOTAUR_API_KEY"


def test_the_documented_names_of_the_configuration_are_read() -> None:
    names = {option.config for option in OPTIONS.values() if option.config}
    assert names == {
        "allowUntrusted",
        "encoding",
        "label",
        "signServer",
        "subject",
        "thumbprint",
    }


# Flags


@pytest.mark.parametrize("case", CASES["get_boolean_input_cases"], ids=str)
@pytest.mark.parametrize("option", FLAGS, ids=lambda option: option.name)
def test_a_flags_text_is_read_as_the_toolkit_reads_booleans(
    harness: SettingsHarness, option: Option, case: dict[str, Any]
) -> None:
    text = case["env_value"]
    harness.put("input", option, text)
    settings = harness.settings()
    value = settings.flag(option)
    if not text:  # the toolkit's reading of an input that is unset; here it means unset
        assert (value, settings.faults) == (False, [])
    elif isinstance(case["expect"], bool):
        assert (value, settings.faults) == (case["expect"], [])
    else:
        assert value is False
        assert settings.faults == [f"{option.input_variable} must be true or false"]


@pytest.mark.parametrize(
    "text", ["true", " true ", "False\n", "yes", "1", "on", "0", "tRue", "true false", "\uff54rue"]
)
def test_any_flags_text_means_what_it_means_to_the_toolkit(
    harness: SettingsHarness, text: str
) -> None:
    harness.put("input", OPTIONS["again"], text)
    settings = harness.settings()
    try:
        expected: tuple[bool, int] = (boolean_input(text), 0)
    except TypeError:
        expected = (False, 1)
    assert (settings.flag(OPTIONS["again"]), len(settings.faults)) == expected


# Several values, and those that exclude one another


@pytest.mark.parametrize("case", CASES["get_multiline_input_cases"][:2], ids=str)
def test_lines_of_an_input_are_read_as_the_toolkit_reads_them(
    harness: SettingsHarness, case: dict[str, Any]
) -> None:
    harness.put("input", OPTIONS["emit-secret"], case["env_value"])
    assert value_of(harness.settings(), OPTIONS["emit-secret"]) == case["expect"]


@pytest.mark.parametrize(
    "text",
    ["a\n\nb", "a\n  \nb\n", "  a\r\n\tb  ", "one: two, three\n  four", "a\x0bb", "a\u2028b"],
)
@pytest.mark.parametrize("layer", ["input", "environment"])
def test_blank_lines_and_indents_do_not_count(
    harness: SettingsHarness, layer: str, text: str
) -> None:
    harness.put(layer, OPTIONS["emit-secret"], text)
    assert value_of(harness.settings(), OPTIONS["emit-secret"]) == multiline_input(text)


def test_a_repeated_option_keeps_its_order_and_drops_what_is_empty(
    harness: SettingsHarness,
) -> None:
    harness.given["emit_secret"] = ["b", "", "a"]
    assert harness.settings().one_of(OPTIONS["emit-secret"]) == (OPTIONS["emit-secret"], ["b", "a"])


def test_an_option_repeated_with_nothing_is_not_given(harness: SettingsHarness) -> None:
    harness.given["emit_secret"] = ["", ""]
    harness.put("input", OPTIONS["emit-secret"], "from the input")
    assert harness.settings().one_of(OPTIONS["emit-secret"]) == (
        OPTIONS["emit-secret"],
        ["from the input"],
    )


DESTINATIONS = tuple(OPTIONS[name] for name in ("write-key-file", "write-env-file", "emit-secret"))


@pytest.mark.parametrize("layer", ["command line", "input", "environment"])
@pytest.mark.parametrize(
    ("options", "listed"),
    [
        (DESTINATIONS, "--write-key-file, --write-env-file and --emit-secret"),
        (DESTINATIONS[:2], "--write-key-file and --write-env-file"),
        (DESTINATIONS[1:], "--write-env-file and --emit-secret"),
    ],
)
def test_several_that_exclude_one_another_in_one_layer_are_a_fault(
    harness: SettingsHarness, layer: str, options: tuple[Option, ...], listed: str
) -> None:
    for option in options:
        harness.put(layer, option, "x")
    settings = harness.settings()
    assert settings.one_of(*options) == (options[0], ["x"])
    assert settings.faults == [f"{listed} cannot be used together (source: {layer})"]


@pytest.mark.parametrize("layer", ["command line", "input"])
def test_a_key_and_its_file_in_one_layer_are_a_fault(harness: SettingsHarness, layer: str) -> None:
    file, key = OPTIONS["api-key-file"], OPTIONS["api-key"]
    for option in (file, key):
        harness.put(layer, option, "x")
    settings = harness.settings()
    assert settings.one_of(file, key) == (file, ["x"])
    together = "--api-key-file and --api-key cannot be used together"
    assert settings.faults == [f"{together} (source: {layer})"]


@pytest.mark.parametrize("high", DESTINATIONS, ids=str)
@pytest.mark.parametrize("low", DESTINATIONS, ids=str)
@pytest.mark.parametrize(
    "layers", [("command line", "input"), ("input", "environment")], ids=" over ".join
)
def test_of_exclusive_options_the_higher_layer_wins(
    harness: SettingsHarness, high: Option, low: Option, layers: tuple[str, str]
) -> None:
    harness.put(layers[1], low, "low")
    harness.put(layers[0], high, "high")
    settings = harness.settings()
    assert settings.one_of(*DESTINATIONS) == (high, ["high"])
    assert settings.faults == []


def test_none_of_those_that_exclude_one_another_may_be_given(harness: SettingsHarness) -> None:
    assert harness.settings().one_of(*DESTINATIONS) is None


# The configuration file


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "cannot be read as JSON"),
        (b"", "cannot be read as JSON"),
        (b"\xff", "cannot be read as JSON"),
        (b"{'signServer': 1}", "cannot be read as JSON"),
        (b"[]", "does not contain a JSON object"),
        (b'"text"', "does not contain a JSON object"),
        (b"null", "does not contain a JSON object"),
        (b'{"signServer": 7}', "config.json: signServer is not a string"),
        (b'{"signServer": ["a"]}', "config.json: signServer is not a string"),
        (b'{"allowUntrusted": "true"}', "config.json: allowUntrusted is not true or false"),
        (b'{"allowUntrusted": 1}', "config.json: allowUntrusted is not true or false"),
    ],
)
def test_a_wrong_configuration_is_reported_once(
    harness: SettingsHarness, content: bytes, fault: str
) -> None:
    harness.write(content)
    settings = harness.settings()
    for _ in range(2):
        assert settings.text(OPTIONS["sign-server"]) == ""
        assert settings.flag(OPTIONS["allow-untrusted"]) is False
    assert len(settings.faults) == 1
    assert settings.faults[0].endswith(fault)


def test_a_folder_in_place_of_the_configuration_is_reported(
    harness: SettingsHarness, tmp_path: Path
) -> None:
    (tmp_path / ".signotaur" / "config.json").mkdir(parents=True)
    assert "cannot be read as JSON" in harness.settings().faults[0]


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"signServer": null, "allowUntrusted": null}',
        b'{"signServer": "", "thumbprint": "x", "label": 7, "subject": [], "unknown": {}}',
        b'\xef\xbb\xbf{"signServer": null}',
    ],
)
def test_members_that_are_null_empty_or_unknown_are_nothing(
    harness: SettingsHarness, content: bytes
) -> None:
    harness.write(content)
    settings = harness.settings()
    assert settings.text(OPTIONS["sign-server"]) == ""
    assert settings.faults == []


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "/dev/null"}])
def test_a_missing_home_is_accepted(environ: dict[str, str]) -> None:
    assert Settings({}, environ).faults == []


def test_windows_home_is_known(harness: SettingsHarness, tmp_path: Path) -> None:
    harness.put("config.json", OPTIONS["sign-server"], "https://config")
    assert (
        Settings({}, {"USERPROFILE": str(tmp_path)}).text(OPTIONS["sign-server"])
        == "https://config"
    )


@pytest.mark.parametrize("content", [b"{", b'{"signServer": "https://evil.example"}'])
def test_a_github_job_reads_no_configuration(harness: SettingsHarness, content: bytes) -> None:
    """All steps of a job share the home folder, on a self-hosted runner all jobs.

    What one of them left there named another server, or had any certificate accepted.
    """
    harness.write(content)
    harness.environ["GITHUB_ACTIONS"] = "true"
    settings = harness.settings()
    assert settings.text(OPTIONS["sign-server"]) == ""
    assert settings.faults == []


# Faults


def number(text: str) -> int:
    return int(text)


def refuse(message: str) -> Callable[[str], int]:
    def read(_text: str) -> int:
        raise ValueError(message)

    return read


def test_an_invalid_value_is_reported_and_the_default_applies(
    harness: SettingsHarness,
) -> None:
    settings = harness.settings()
    assert settings.checked(OPTIONS["overlap-days"], number, 3) == 7
    assert settings.checked(OPTIONS["timeout"], refuse("no"), 3) == 3
    assert settings.faults == ["--timeout: no"]


def test_all_faults_gather(harness: SettingsHarness) -> None:
    harness.write(b'{"signServer": 7}')
    harness.put("input", OPTIONS["again"], "perhaps")
    harness.put("environment", OPTIONS["debug"], "2")
    for option in DESTINATIONS:
        harness.put("command line", option, "x")
    settings = harness.settings()
    settings.flag(OPTIONS["again"])
    settings.flag(OPTIONS["debug"])
    settings.text(OPTIONS["sign-server"])
    settings.one_of(*DESTINATIONS)
    settings.checked(OPTIONS["timeout"], refuse("too long"), 0)
    assert len(settings.faults) == 5
