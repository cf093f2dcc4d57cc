"""The answers that ``init`` works with: from the options, else from a person at the terminal."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from signotaur_action.console.prompt import Prompt, PromptAbortedError
from signotaur_action.errors import UsageError
from signotaur_action.settings.layers import Settings
from signotaur_action.workflows import validators
from signotaur_action.workflows.answers import (
    DUE,
    HOSTED_RUNNER,
    PLACEHOLDER_ACTION,
    WINDOW,
    Answers,
)

T = TypeVar("T")

_IN_A_SECRET, _IN_A_FILE = "secret", "file"
_FOR_A_SECRET = ("secret", "action")
"""What makes no sense beside a key file."""

_RULES: Mapping[str, Callable[[str], Any]] = {
    "sign-server": validators.server,
    "environment": validators.environment,
    "secret": validators.secret,
    "key-file": validators.key_file,
    "runner": validators.runner,
    "if-expiring-within": validators.due,
    "fail-if-expiring-within": validators.window,
    "branch": validators.branch,
    "action": validators.action,
}


def answers(settings: Settings, ask: Prompt | None) -> Answers:
    """Return the answers. Raises UsageError with all faults; nothing is asked before."""
    _check_given(settings)
    found = _Answers(settings, ask)
    if ask is None:
        found.note_missing()
    if settings.faults:
        raise UsageError(settings.faults)
    try:
        return found.read()
    except PromptAbortedError:
        raise UsageError(["the terminal was closed before every question was answered"]) from None


def _check_given(settings: Settings) -> None:
    for name, rule in _RULES.items():
        if settings.is_given(name):
            settings.checked(name, rule, None)
    if settings.is_given("key-file"):
        for name in _FOR_A_SECRET:
            if settings.is_given(name):
                settings.faults.append(f"--{name} is for a key in a secret, not in a --key-file")
    due, window = settings.text("if-expiring-within"), settings.text("fail-if-expiring-within")
    if due and window and not settings.faults:
        settings.checked(
            "fail-if-expiring-within", lambda text: validators.window_below(text, due), ""
        )


class _Answers:
    def __init__(self, settings: Settings, ask: Prompt | None) -> None:
        self._settings = settings
        self._ask = ask

    def note_missing(self) -> None:
        """Note as faults what nobody is there to be asked for."""
        settings = self._settings
        needed = ["sign-server", "if-expiring-within", "fail-if-expiring-within"]
        if settings.is_given("key-file"):
            needed.append("runner")
        elif not self._names_a_secret():
            settings.faults.append(
                "where is the key stored? Give --environment NAME for a secret, or --key-file"
            )
        settings.faults += [
            f"--{each} is missing" for each in needed if not settings.is_given(each)
        ]

    def read(self) -> Answers:
        """Return the answers, asking for what the options leave open."""
        server = self._take("sign-server", "URL of the code-signing server", validators.server)
        in_file = self._is_in_a_file()
        environment = self._take("environment", "GitHub environment", validators.environment)
        if in_file:
            secret, key_file = (
                "",
                self._take("key-file", "Its path on the runner", validators.key_file),
            )
            runner = self._take("runner", "Labels of that runner", validators.runner)
        else:
            secret, key_file = self._take("secret", "Name of the secret", validators.secret), ""
            runner = HOSTED_RUNNER
            if self._settings.is_given("runner"):
                runner = validators.runner(self._settings.text("runner"))
        due = self._take("if-expiring-within", "Rotate in the last", self._due_rule(), DUE)
        return Answers(
            server=server,
            environment=environment,
            secret=secret,
            key_file=key_file,
            runner=runner,
            due=due,
            window=self._take(
                "fail-if-expiring-within",
                "Let builds fail in the last",
                lambda text: validators.window_below(validators.window(text), due),
                WINDOW,
            ),
            branch=self._take("branch", "Branch whose pushes are signed", validators.branch),
            action=self._settings.text("action") or PLACEHOLDER_ACTION,
        )

    def _take(self, name: str, question: str, rule: Callable[[str], T], suggestion: str = "") -> T:
        text = self._settings.text(name)
        if self._ask is None or self._settings.is_given(name):
            return rule(text)
        return self._ask(question, rule, suggestion or text)

    def _is_in_a_file(self) -> bool:
        if self._ask is None or self._names_a_secret() or self._settings.is_given("key-file"):
            return self._settings.is_given("key-file")
        question = "The key is in a GitHub secret, or in a file on a self-hosted runner"
        return self._ask(question, _place, _IN_A_SECRET) == _IN_A_FILE

    def _names_a_secret(self) -> bool:
        return self._settings.is_given("environment") or self._settings.is_given("secret")

    def _due_rule(self) -> Callable[[str], str]:
        window = self._settings.text("fail-if-expiring-within")

        def rule(text: str) -> str:
            due = validators.due(text)
            if window:
                validators.window_below(window, due)
            return due

        return rule


def _place(text: str) -> str:
    if text not in (_IN_A_SECRET, _IN_A_FILE):
        raise ValueError(f"answer {_IN_A_SECRET} or {_IN_A_FILE}")
    return text
