"""Every option, once: its flags, environment names, config key, default and help.

``action.yml``, the tables in ``docs`` and ``--help`` are compared with this by tests. Values are
taken as text here; ``settings`` resolves and checks them, so that all faults come out at once.
The options that only ``sign`` or ``init`` takes stand in ``sign_options`` and ``init_options``.
"""

from typing import Annotated

from signotaur_action.options import init, sign  # noqa: F401 - for what they declare
from signotaur_action.options.declare import OPTIONS, Flag, Option, Text, Texts, declared

__all__ = ["OPTIONS", "Option"]

# Which key
ApiKey = Annotated[
    Text,
    declared(
        "api-key",
        "-a",
        environment="",
        help="The API key to use. Visible in process lists: prefer --api-key-file or a variable.",
    ),
]
ApiKeyFile = Annotated[
    Text,
    declared(
        "api-key-file",
        "--af",
        help="File that holds the API key: the key alone, or a dotenv file.",
    ),
]
ApiKeyName = Annotated[
    Text,
    declared(
        "api-key-name",
        "--akn",
        default="SIGNOTAUR_API_KEY",
        help="Variable that holds the key in a dotenv file or in the environment.",
    ),
]

# Which server
SignServer = Annotated[
    Text,
    declared(
        "sign-server",
        "-s",
        environment="SIGNOTAUR_SERVER",
        config="signServer",
        help="URL of the server; https, or http to this machine.",
    ),
]
CaFile = Annotated[
    Text,
    declared("ca-file", help="PEM file of the authorities to trust, instead of the usual."),
]
AllowUntrusted = Annotated[
    Flag,
    declared(
        "allow-untrusted",
        "--au",
        is_flag=True,
        config="allowUntrusted",
        help="Accept an untrusted or invalid certificate. For development only.",
    ),
]
Timeout = Annotated[
    Text,
    declared("timeout", default="60s", help="Time for all calls to the server together, up to 4m."),
]

# How to rotate
OverlapDays = Annotated[
    Text,
    declared(
        "overlap-days",
        "-o",
        default="7",
        help="Days for which the old key stays valid, 0 to 30; 0 revokes it at the end of the run.",
    ),
]
NoAutoRevoke = Annotated[
    Flag,
    declared(
        "no-auto-revoke",
        "--nar",
        is_flag=True,
        help="Never revoke the old key automatically; somebody must do it by hand.",
    ),
]
IfExpiringWithin = Annotated[
    Text,
    declared(
        "if-expiring-within",
        help="Rotate only if the key ends within this time (90m, 36h, 30d, 2w).",
    ),
]
Again = Annotated[
    Flag,
    declared(
        "again",
        is_flag=True,
        help="Rotate although the key has a confirmed successor, because that one was lost.",
    ),
]
DeferConfirm = Annotated[
    Flag,
    declared(
        "defer-confirm",
        is_flag=True,
        help="Leave the old key's end unarmed until confirm-rotation, for steps of your own that "
        "store the key.",
    ),
]
RotationId = Annotated[
    Text, declared("rotation-id", help="The rotation to confirm, as rotate-key told it.")
]
DryRun = Annotated[
    Flag,
    declared(
        "dry-run", is_flag=True, help="Check everything, say what would happen, change nothing."
    ),
]

# Where to
WriteKeyFile = Annotated[
    Text, declared("write-key-file", "--wk", help="Write the new key to this file, alone.")
]
WriteEnvFile = Annotated[
    Text,
    declared(
        "write-env-file",
        "--we",
        help="Write the new key into this dotenv file; its other lines stay as they are.",
    ),
]
WriteEnvVarName = Annotated[
    Text,
    declared(
        "write-env-var-name",
        "--wn",
        default="SIGNOTAUR_API_KEY",
        help="Variable to set in the dotenv file; only with --write-env-file.",
    ),
]
EmitSecret = Annotated[
    Texts,
    declared(
        "emit-secret",
        "-e",
        repeatable=True,
        help="Deliver the new key to a store or a CI system, as KIND:NAME; see Destinations.",
    ),
]
GithubToken = Annotated[
    Text,
    declared(
        "github-token",
        environment="GH_TOKEN",
        help="GitHub token that may write the destination or the issue; not the job's own for "
        "secrets.",
    ),
]
FollowSymlinks = Annotated[
    Flag,
    declared(
        "follow-symlinks",
        is_flag=True,
        help="Write through a symbolic link instead of refusing it.",
    ),
]
StateDir = Annotated[
    Text,
    declared(
        "state-dir",
        help="Folder for the journal, instead of beside the first file that is written.",
    ),
]

# How long a key must be good (guard, sign)
FailIfExpiringWithin = Annotated[
    Text,
    declared(
        "fail-if-expiring-within",
        help="Fail if the key ends within this time (90m, 36h, 7d, 2w) or share of its life (25%).",
    ),
]
WarnIfExpiringWithin = Annotated[
    Text,
    declared(
        "warn-if-expiring-within",
        help="Warn if the key ends within this time or share of its life.",
    ),
]
ReportIssue = Annotated[
    Flag,
    declared(
        "report-issue",
        is_flag=True,
        help="Keep one GitHub issue open while the key is past a limit; needs --github-token.",
    ),
]
MaxAge = Annotated[
    Text,
    declared("max-age", help="Fail if the key was not rotated for longer than this (90d)."),
]

# What to store (auth set-key)
FromStdin = Annotated[
    Flag,
    declared(
        "from-stdin",
        "--fs",
        is_flag=True,
        help="Read the key from stdin; a person types it without seeing it.",
    ),
]
FromEnv = Annotated[
    Text, declared("from-env", "--fe", help="Read the key from the variable of this name.")
]
IfMissing = Annotated[
    Flag,
    declared(
        "if-missing",
        "--im",
        is_flag=True,
        help="Leave a destination alone that exists already.",
    ),
]
Verify = Annotated[
    Flag,
    declared(
        "verify",
        "--vf",
        is_flag=True,
        help="Ask the server about the key first; an invalid key is not stored.",
    ),
]

# How to tell
AsJson = Annotated[Flag, declared("json", is_flag=True, help="Print one JSON object on stdout.")]
Debug = Annotated[
    Flag,
    declared("debug", is_flag=True, help="Say more on stderr, never a key; show tracebacks."),
]
