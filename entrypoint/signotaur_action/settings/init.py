"""The answers that ``init`` works with: from the options, else from a person at the terminal."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from signotaur_action.console.prompt import Prompt, PromptAbortedError
from signotaur_action.errors import UsageError
from signotaur_action.options.common import FAIL_IF_EXPIRING_WITHIN, IF_EXPIRING_WITHIN, SIGN_SERVER
from signotaur_action.options.declare import Option
from signotaur_action.options.init import ACTION, BRANCH, ENVIRONMENT, KEY_FILE, RUNNER, SECRET
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
_FOR_A_SECRET = (SECRET, ACTION)
"""Options that make no sense with a key file."""

_RULES: Mapping[Option, Callable[[str], Any]] = {
    SIGN_SERVER: validators.server,
    ENVIRONMENT: validators.environment,
    SECRET: validators.secret,
    KEY_FILE: validators.key_file,
    RUNNER: validators.runner,
    IF_EXPIRING_WITHIN: validators.due,
    FAIL_IF_EXPIRING_WITHIN: validators.window,
    BRANCH: validators.branch,
    ACTION: validators.action,
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
    for option, rule in _RULES.items():
        if settings.is_given(option):
            settings.checked(option, rule, None)
    if settings.is_given(KEY_FILE):
        settings.faults += [
            f"{option} cannot be used with --key-file: it is for a key in a secret"
            for option in _FOR_A_SECRET
            if settings.is_given(option)
        ]
    due, window = settings.text(IF_EXPIRING_WITHIN), settings.text(FAIL_IF_EXPIRING_WITHIN)
    if due and window and not settings.faults:
        settings.checked(
            FAIL_IF_EXPIRING_WITHIN, lambda text: validators.window_below(text, due), ""
        )


class _Answers:
    def __init__(self, settings: Settings, ask: Prompt | None) -> None:
        self._settings = settings
        self._ask = ask

    def note_missing(self) -> None:
        """Note missing answers as problems, because there is nobody to ask."""
        settings = self._settings
        needed = [SIGN_SERVER, IF_EXPIRING_WITHIN, FAIL_IF_EXPIRING_WITHIN]
        if settings.is_given(KEY_FILE):
            needed.append(RUNNER)
        elif not self._names_a_secret():
            settings.faults.append(
                "where is the key stored? Give --environment NAME for a secret, or --key-file"
            )
        settings.faults += [f"{each} is missing" for each in needed if not settings.is_given(each)]

    def read(self) -> Answers:
        """Return the answers, asking for what the options leave open."""
        server = self._take(SIGN_SERVER, "URL of the code-signing server", validators.server)
        in_file = self._is_in_a_file()
        environment = self._take(ENVIRONMENT, "GitHub environment", validators.environment)
        if in_file:
            secret = ""
            key_file = self._take(KEY_FILE, "Its path on the runner", validators.key_file)
            runner = self._take(RUNNER, "Labels of that runner", validators.runner)
        else:
            secret, key_file = self._take(SECRET, "Name of the secret", validators.secret), ""
            runner = HOSTED_RUNNER
            if self._settings.is_given(RUNNER):
                runner = validators.runner(self._settings.text(RUNNER))
        due = self._take(
            IF_EXPIRING_WITHIN, "Rotate when the key ends within", self._due_rule(), DUE
        )
        return Answers(
            server=server,
            environment=environment,
            secret=secret,
            key_file=key_file,
            runner=runner,
            due=due,
            window=self._take(
                FAIL_IF_EXPIRING_WITHIN,
                "Let builds fail when the key ends within",
                lambda text: validators.window_below(validators.window(text), due),
                WINDOW,
            ),
            branch=self._take(BRANCH, "Branch whose pushes are signed", validators.branch),
            action=self._settings.text(ACTION) or PLACEHOLDER_ACTION,
        )

    def _take(
        self, option: Option, question: str, rule: Callable[[str], T], suggestion: str = ""
    ) -> T:
        text = self._settings.text(option)
        if self._ask is None or self._settings.is_given(option):
            return rule(text)
        return self._ask(question, rule, suggestion or text)

    def _is_in_a_file(self) -> bool:
        if self._ask is None or self._names_a_secret() or self._settings.is_given(KEY_FILE):
            return self._settings.is_given(KEY_FILE)
        question = "The key is in a GitHub secret, or in a file on a self-hosted runner"
        return self._ask(question, _place, _IN_A_SECRET) == _IN_A_FILE

    def _names_a_secret(self) -> bool:
        return self._settings.is_given(ENVIRONMENT) or self._settings.is_given(SECRET)

    def _due_rule(self) -> Callable[[str], str]:
        window = self._settings.text(FAIL_IF_EXPIRING_WITHIN)

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
