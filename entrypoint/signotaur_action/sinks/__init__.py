"""The destinations of a new key: one file each, one registry.

To add one: write a class with the members of ``ports.Sink`` in a file of its own, add it here,
to the contract suite (``tests/contract``) and to the README's table; a test compares the three.
"""

from collections.abc import Callable

from signotaur_action.ports import Sink
from signotaur_action.sinks.base import SinkContext, SinkFault
from signotaur_action.sinks.continua import ContinuaSink
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.github import GithubEnvSink, GithubOutputSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.template import TemplateSink

EMITTERS: dict[str, Callable[[str, SinkContext], Sink]] = {
    "continua": ContinuaSink,
    "template": TemplateSink,
    "github-output": GithubOutputSink,
    "github-env": GithubEnvSink,
}
"""The kinds of ``--emit-secret KIND[:ARGUMENT]``."""

FileSink = KeyFileSink | EnvFileSink
"""The sinks of a file of the user's; each has it as ``file``."""

TAKES_STDOUT = frozenset({"continua", "template"})
"""The kinds whose text goes to stdout, where --json would stand too."""


def emitter(text: str, context: SinkContext) -> Sink:
    """Make the sink that an ``--emit-secret`` names. Raises SinkFault."""
    kind, _, argument = text.partition(":")
    if kind not in EMITTERS:
        raise SinkFault(
            f"--emit-secret has an unknown kind; the known ones are {', '.join(EMITTERS)}"
        )
    return EMITTERS[kind](argument, context)
