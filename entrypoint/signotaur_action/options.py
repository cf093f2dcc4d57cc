"""Every option, once: its flags, environment names, config key, default and help.

``action.yml``, the README's tables and ``--help`` are compared with this by a test. Values are
taken as text here; ``settings`` resolves and checks them, so that all faults come out at once.
"""

from dataclasses import dataclass
from typing import Annotated, Any

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


def _option(name: str, *short: str, help: str, **rest: Any) -> Any:  # noqa: A002
    environment = rest.pop("environment", f"SIGNOTAUR_{name.upper().replace('-', '_')}")
    option = Option(name, help, short, environment=environment, **rest)
    OPTIONS[name] = option
    return typer.Option(*short, f"--{name}", help=option.full_help)


_Text = str | None
_Flag = bool | None
_Texts = list[str] | None

# Which key
ApiKey = Annotated[
    _Text,
    _option(
        "api-key",
        "-a",
        environment="",
        help="The API key to use. Visible in process lists: prefer --api-key-file or a variable.",
    ),
]
ApiKeyFile = Annotated[
    _Text,
    _option(
        "api-key-file",
        "--af",
        help="File that holds the API key: the key alone, or a dotenv file.",
    ),
]
ApiKeyName = Annotated[
    _Text,
    _option(
        "api-key-name",
        "--akn",
        default="SIGNOTAUR_API_KEY",
        help="Variable that holds the key in a dotenv file or in the environment.",
    ),
]

# Which server
SignServer = Annotated[
    _Text,
    _option(
        "sign-server",
        "-s",
        environment="SIGNOTAUR_SERVER",
        config="signServer",
        help="URL of the server; https, or http to this machine.",
    ),
]
CaFile = Annotated[
    _Text,
    _option("ca-file", help="PEM file of the authorities to trust, instead of the usual."),
]
AllowUntrusted = Annotated[
    _Flag,
    _option(
        "allow-untrusted",
        "--au",
        is_flag=True,
        config="allowUntrusted",
        help="Accept an untrusted or invalid certificate. For development only.",
    ),
]
Timeout = Annotated[
    _Text,
    _option("timeout", default="60s", help="Time for all calls to the server together, up to 4m."),
]

# How to rotate
OverlapDays = Annotated[
    _Text,
    _option(
        "overlap-days",
        "-o",
        default="7",
        help="Days for which the old key stays valid, 0 to 30; 0 revokes it at the end of the run.",
    ),
]
NoAutoRevoke = Annotated[
    _Flag,
    _option(
        "no-auto-revoke",
        "--nar",
        is_flag=True,
        help="Never revoke the old key automatically; somebody must do it by hand.",
    ),
]
IfExpiringWithin = Annotated[
    _Text,
    _option(
        "if-expiring-within",
        help="Rotate only if the key ends within this time (90m, 36h, 30d, 2w).",
    ),
]
Again = Annotated[
    _Flag,
    _option(
        "again",
        is_flag=True,
        help="Rotate although the key has a confirmed successor, because that one was lost.",
    ),
]
DryRun = Annotated[
    _Flag,
    _option(
        "dry-run", is_flag=True, help="Check everything, say what would happen, change nothing."
    ),
]

# Where to
WriteKeyFile = Annotated[
    _Text, _option("write-key-file", "--wk", help="Write the new key to this file, alone.")
]
WriteEnvFile = Annotated[
    _Text,
    _option(
        "write-env-file",
        "--we",
        help="Write the new key into this dotenv file; its other lines stay as they are.",
    ),
]
WriteEnvVarName = Annotated[
    _Text,
    _option(
        "write-env-var-name",
        "--wn",
        default="SIGNOTAUR_API_KEY",
        help="Variable to set in the dotenv file; only with --write-env-file.",
    ),
]
EmitSecret = Annotated[
    _Texts,
    _option(
        "emit-secret",
        "-e",
        repeatable=True,
        help="Emit the new key in a CI system's form: continua:serverVar=NAME, "
        "continua:buildVar=NAME, template:FORMAT, github-output[:NAME], github-env:NAME.",
    ),
]
FollowSymlinks = Annotated[
    _Flag,
    _option(
        "follow-symlinks",
        is_flag=True,
        help="Write through a symbolic link instead of refusing it.",
    ),
]
StateDir = Annotated[
    _Text,
    _option(
        "state-dir",
        help="Folder for the journal, instead of beside the first file that is written.",
    ),
]

# How long a key must be good (guard, sign)
FailIfExpiringWithin = Annotated[
    _Text,
    _option(
        "fail-if-expiring-within",
        help="Fail if the key ends within this time (90m, 36h, 7d, 2w) or share of its life (25%).",
    ),
]
WarnIfExpiringWithin = Annotated[
    _Text,
    _option(
        "warn-if-expiring-within",
        help="Warn if the key ends within this time or share of its life.",
    ),
]
MaxAge = Annotated[
    _Text,
    _option("max-age", help="Fail if the key was not rotated for longer than this (90d)."),
]

# What to store (auth set-key)
FromStdin = Annotated[
    _Flag,
    _option(
        "from-stdin",
        "--fs",
        is_flag=True,
        help="Read the key from stdin; a person types it without seeing it.",
    ),
]
FromEnv = Annotated[
    _Text, _option("from-env", "--fe", help="Read the key from the variable of this name.")
]
IfMissing = Annotated[
    _Flag,
    _option(
        "if-missing",
        "--im",
        is_flag=True,
        help="Leave a destination alone that exists already.",
    ),
]
Verify = Annotated[
    _Flag,
    _option(
        "verify",
        "--vf",
        is_flag=True,
        help="Ask the server about the key first; an invalid key is not stored.",
    ),
]

# How to tell
AsJson = Annotated[_Flag, _option("json", is_flag=True, help="Print one JSON object on stdout.")]
Debug = Annotated[
    _Flag,
    _option("debug", is_flag=True, help="Say more on stderr, never a key; show tracebacks."),
]
