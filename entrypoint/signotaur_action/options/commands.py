"""Which command takes which options: the one table that builds the command line.

``action.yml``, the tables in ``docs`` and ``--help`` are compared with it by tests.
"""

from dataclasses import dataclass

from signotaur_action.options import fleet, init, sign, verify
from signotaur_action.options.common import (
    AGAIN,
    ALLOW_UNTRUSTED,
    API_KEY,
    API_KEY_FILE,
    API_KEY_NAME,
    CA_FILE,
    CERTIFICATE_EXPIRING_WITHIN,
    COMPROMISED,
    DEBUG,
    DEFER_CONFIRM,
    DRY_RUN,
    EMIT_SECRET,
    FAIL_IF_EXPIRING_WITHIN,
    FOLLOW_SYMLINKS,
    FROM_ENV,
    FROM_STDIN,
    GITHUB_TOKEN,
    IF_EXPIRING_WITHIN,
    IF_MISSING,
    JSON,
    MAX_AGE,
    NO_AUTO_REVOKE,
    OIDC,
    OVERLAP_DAYS,
    REPORT_ISSUE,
    ROTATION_ID,
    SIGN_SERVER,
    STATE_DIR,
    TIMEOUT,
    TOOL,
    VERIFY,
    WARN_IF_EXPIRING_WITHIN,
    WRITE_ENV_FILE,
    WRITE_ENV_VAR_NAME,
    WRITE_KEY_FILE,
)
from signotaur_action.options.declare import Option


@dataclass(frozen=True)
class Arguments:
    """What a command takes besides options."""

    name: str
    metavar: str
    help: str


@dataclass(frozen=True)
class Command:
    """One command: its help, its module in ``commands``, its options in the order of --help."""

    help: str
    module: str
    options: tuple[Option, ...]
    arguments: Arguments | None = None


@dataclass(frozen=True)
class Ignored:
    """An option of SignotaurTool that changes nothing here, so that its scripts run as they are."""

    flags: tuple[str, ...]
    takes_value: bool = False


IGNORED = (
    Ignored(("--no-color", "--no-colour", "--nc")),
    Ignored(("--theme",), takes_value=True),
    Ignored(("--verbose", "-v")),
    Ignored(("--no-banner", "--nb")),
)
"""Accepted by every command, and not shown by --help: nothing is coloured, there is no banner."""

_KEY = (API_KEY, API_KEY_FILE, API_KEY_NAME, SIGN_SERVER)
_CONNECTION = (ALLOW_UNTRUSTED, CA_FILE, TIMEOUT)
_OUTPUT = (JSON, DEBUG)

_FILES = (
    sign.FILE_LIST,
    sign.ENCODING,
    sign.BASE_DIRECTORY,
    sign.TRUST_EXISTING_SIGNATURES,
    sign.MAX_DEGREE_OF_PARALLELISM,
)
_NAMED_FILES = Arguments(
    "files",
    "FILES",
    "Files: paths, patterns with * ? ** and, to leave files out, !PATTERN.",
)

COMMANDS: dict[str, Command] = {
    "rotate-key": Command(
        "Rotate an API key. The old and the new one both work during the overlap.",
        "rotate_key",
        (
            *_KEY,
            TOOL,
            OVERLAP_DAYS,
            NO_AUTO_REVOKE,
            IF_EXPIRING_WITHIN,
            AGAIN,
            COMPROMISED,
            DEFER_CONFIRM,
            DRY_RUN,
            WRITE_KEY_FILE,
            WRITE_ENV_FILE,
            WRITE_ENV_VAR_NAME,
            EMIT_SECRET,
            GITHUB_TOKEN,
            FOLLOW_SYMLINKS,
            STATE_DIR,
            *_CONNECTION,
            *_OUTPUT,
        ),
    ),
    "rotate-fleet": Command(
        "Rotate every key that a file lists. It does what rotate-key does, with one report.",
        "rotate_fleet",
        (
            fleet.FLEET_FILE,
            fleet.ONLY,
            fleet.PARALLEL,
            fleet.STARTS_PER_MINUTE,
            SIGN_SERVER,
            DRY_RUN,
            GITHUB_TOKEN,
            STATE_DIR,
            *_CONNECTION,
            *_OUTPUT,
        ),
        Arguments("file", "[FILE]", "YAML file that lists the keys to rotate."),
    ),
    "confirm-rotation": Command(
        "Confirm a deferred rotation with its new key. Do it once every system has the key.",
        "confirm_rotation",
        (*_KEY, ROTATION_ID, *_CONNECTION, *_OUTPUT),
    ),
    "guard": Command(
        "Fail a build whose API key expires soon or was replaced.",
        "guard",
        (
            *_KEY,
            OIDC,
            FAIL_IF_EXPIRING_WITHIN,
            WARN_IF_EXPIRING_WITHIN,
            MAX_AGE,
            CERTIFICATE_EXPIRING_WITHIN,
            sign.LABEL,
            sign.THUMBPRINT,
            sign.SUBJECT,
            REPORT_ISSUE,
            EMIT_SECRET,
            GITHUB_TOKEN,
            *_CONNECTION,
            *_OUTPUT,
        ),
    ),
    "sign": Command(
        "Sign files. The private key stays on the server, which signs their digests.",
        "sign",
        (
            *_KEY,
            OIDC,
            sign.THUMBPRINT,
            sign.LABEL,
            sign.SUBJECT,
            sign.ADDITIONAL_CERTIFICATES,
            sign.FILE_LIST,
            sign.ENCODING,
            sign.BASE_DIRECTORY,
            sign.APPEND,
            sign.REPLACE,
            sign.TRUST_EXISTING_SIGNATURES,
            sign.MAX_DEGREE_OF_PARALLELISM,
            sign.FILE_DIGEST,
            sign.TIMESTAMP_SERVER,
            sign.TIMESTAMP_DIGEST,
            sign.FALLBACK_TIMESTAMP_SERVER,
            sign.DESCRIPTION,
            sign.DESCRIPTION_URL,
            FAIL_IF_EXPIRING_WITHIN,
            sign.RETRIES_ON_FAILURE,
            *_CONNECTION,
            *_OUTPUT,
        ),
        _NAMED_FILES,
    ),
    "verify": Command(
        "Verify signed files: signature, certificates, timestamp.",
        "verify",
        (
            *_FILES,
            verify.REVOCATION_MODE,
            verify.STRICT_LIFETIME,
            verify.IGNORE_UNTRUSTED_ROOT,
            CA_FILE,
            *_OUTPUT,
        ),
        _NAMED_FILES,
    ),
    "timestamp": Command(
        "Add a timestamp to files that are signed already.",
        "timestamp",
        (
            *_FILES,
            sign.TIMESTAMP_SERVER,
            sign.TIMESTAMP_DIGEST,
            sign.FALLBACK_TIMESTAMP_SERVER,
            *_OUTPUT,
        ),
        _NAMED_FILES,
    ),
    "auth set-key": Command(
        "Store an API key in a file without showing it.",
        "set_key",
        (
            FROM_STDIN,
            FROM_ENV,
            API_KEY,
            VERIFY,
            SIGN_SERVER,
            WRITE_KEY_FILE,
            WRITE_ENV_FILE,
            WRITE_ENV_VAR_NAME,
            IF_MISSING,
            FOLLOW_SYMLINKS,
            *_CONNECTION,
            DEBUG,
        ),
    ),
    "config": Command(
        "Show or change the settings in ~/.signotaur/config.json.",
        "config",
        (FOLLOW_SYMLINKS, DEBUG),
        Arguments(
            "words",
            "ACTION [NAME [VALUE]]",
            "path, list, get NAME, set NAME VALUE or unset NAME.",
        ),
    ),
    "init": Command(
        "Write the GitHub workflows that rotate and guard a key. Ask for each value that is not "
        "given.",
        "init",
        (
            SIGN_SERVER,
            init.ENVIRONMENT,
            init.SECRET,
            init.KEY_FILE,
            init.RUNNER,
            init.BRANCH,
            init.ACTION,
            init.FOLDER,
            init.FORCE,
            IF_EXPIRING_WITHIN,
            FAIL_IF_EXPIRING_WITHIN,
        ),
    ),
}

OPTIONS: dict[str, Option] = {
    option.name: option for command in COMMANDS.values() for option in command.options
}
"""Every option by name."""
