"""The options of rotate-key, confirm-rotation, guard and auth set-key.

Values are texts here; ``settings`` parses them, so that all faults are reported at once.
"""

from signotaur_action.options.declare import (
    AUTHENTICATION,
    DESTINATION,
    LIMITS,
    MISCELLANEOUS,
    ROTATION,
    declare,
)

# Authentication

API_KEY = declare(
    "api-key",
    "-a",
    group=AUTHENTICATION,
    metavar="KEY",
    environment="",
    help="The API key. Visible in process lists: prefer --api-key-file or a variable.",
    input_help="The API key, from a secret.",
)
API_KEY_FILE = declare(
    "api-key-file",
    "--af",
    group=AUTHENTICATION,
    metavar="FILE",
    help="File that contains the API key: the key alone, or a dotenv file.",
)
API_KEY_NAME = declare(
    "api-key-name",
    "--akn",
    group=AUTHENTICATION,
    metavar="NAME",
    default="SIGNOTAUR_API_KEY",
    help="Variable that contains the key, in a dotenv file or in the environment.",
)
OIDC = declare(
    "oidc",
    group=AUTHENTICATION,
    help="Use no stored API key: the server exchanges this job's ID token for a key that is valid "
    "for a few minutes.",
)
SIGN_SERVER = declare(
    "sign-server",
    "-s",
    group=AUTHENTICATION,
    metavar="URL",
    environment="SIGNOTAUR_SERVER",
    config="signServer",
    help="URL of the key server: https, or http on this machine only.",
)

TOOL = declare(
    "tool",
    group=AUTHENTICATION,
    metavar="PROGRAM",
    help="Rotate through this SignotaurTool, for the vendor's server.",
)

# Rotation settings

OVERLAP_DAYS = declare(
    "overlap-days",
    "-o",
    group=ROTATION,
    metavar="DAYS",
    default="7",
    help="Days for which the old key stays valid, 0 to 30; 0 revokes it at the end of the run.",
)
NO_AUTO_REVOKE = declare(
    "no-auto-revoke",
    "--nar",
    group=ROTATION,
    help="Do not revoke the old key automatically; somebody must revoke it by hand.",
)
IF_EXPIRING_WITHIN = declare(
    "if-expiring-within",
    group=ROTATION,
    metavar="DURATION",
    help="Rotate only if the key expires within this time (90m, 36h, 30d, 2w).",
)
AGAIN = declare(
    "again",
    group=ROTATION,
    help="Rotate a key that has a confirmed successor, because the successor was lost.",
)
COMPROMISED = declare(
    "compromised",
    group=ROTATION,
    help="The old key leaked: revoke it at the end of the run (overlap 0), say so to the server, "
    "and print an incident note.",
)
DEFER_CONFIRM = declare(
    "defer-confirm",
    group=ROTATION,
    help="Do not confirm: later steps store the key, then confirm-rotation schedules the old "
    "key's revocation.",
)
ROTATION_ID = declare(
    "rotation-id",
    group=ROTATION,
    metavar="UUID",
    help="The rotation to confirm: the output rotation-id of rotate-key.",
)
DRY_RUN = declare(
    "dry-run",
    group=ROTATION,
    help="Check everything, print what would happen, change nothing.",
)

# Output destination

WRITE_KEY_FILE = declare(
    "write-key-file",
    "--wk",
    group=DESTINATION,
    metavar="FILE",
    help="Write the new key to this file, alone.",
)
WRITE_ENV_FILE = declare(
    "write-env-file",
    "--we",
    group=DESTINATION,
    metavar="FILE",
    help="Write the new key to this dotenv file; its other lines are kept.",
)
WRITE_ENV_VAR_NAME = declare(
    "write-env-var-name",
    "--wn",
    group=DESTINATION,
    metavar="NAME",
    default="SIGNOTAUR_API_KEY",
    help="Variable to set in the dotenv file; only with --write-env-file.",
)
EMIT_SECRET = declare(
    "emit-secret",
    "-e",
    group=DESTINATION,
    metavar="KIND:NAME",
    repeatable=True,
    help="Deliver the new key to a secret store or a CI system (guard: watch the token for it); "
    "docs/destinations lists the kinds.",
)
GITHUB_TOKEN = declare(
    "github-token",
    group=DESTINATION,
    metavar="TOKEN",
    environment="GH_TOKEN",
    help="GitHub token that may write the secret or the issue. The job's own token cannot write "
    "secrets.",
)
FOLLOW_SYMLINKS = declare(
    "follow-symlinks",
    group=DESTINATION,
    help="Write through a symbolic link instead of refusing it.",
)
STATE_DIR = declare(
    "state-dir",
    group=DESTINATION,
    metavar="FOLDER",
    help="Folder for the journal, instead of beside the first file that is written.",
)

# For how long the key must be good: guard and sign

FAIL_IF_EXPIRING_WITHIN = declare(
    "fail-if-expiring-within",
    group=LIMITS,
    metavar="DURATION",
    help="Fail if the key expires within this time (90m, 36h, 7d, 2w) or share of its life (25%).",
)
WARN_IF_EXPIRING_WITHIN = declare(
    "warn-if-expiring-within",
    group=LIMITS,
    metavar="DURATION",
    help="Warn if the key expires within this time or share of its life.",
)
CERTIFICATE_EXPIRING_WITHIN = declare(
    "certificate-expiring-within",
    group=LIMITS,
    metavar="DURATION",
    help="Fail if the certificate of --label, --thumbprint or --subject expires within this time "
    "or share of its life.",
)
MAX_AGE = declare(
    "max-age",
    group=LIMITS,
    metavar="DURATION",
    help="Fail if the last rotation of the key is longer ago than this (90d).",
)
REPORT_ISSUE = declare(
    "report-issue",
    group=LIMITS,
    help="Keep one GitHub issue open while the key is past a limit; needs --github-token.",
)

# What auth set-key stores

FROM_STDIN = declare(
    "from-stdin",
    "--fs",
    group=AUTHENTICATION,
    help="Read the key from standard input; a prompt does not show what is typed.",
)
FROM_ENV = declare(
    "from-env",
    "--fe",
    group=AUTHENTICATION,
    metavar="NAME",
    help="Read the key from this environment variable.",
)
IF_MISSING = declare(
    "if-missing",
    "--im",
    group=DESTINATION,
    help="Do not change a destination that exists already.",
)
VERIFY = declare(
    "verify",
    "--vf",
    group=AUTHENTICATION,
    help="Ask the server about the key first; a key that it refuses is not stored.",
)

# Miscellaneous

CA_FILE = declare(
    "ca-file",
    group=MISCELLANEOUS,
    metavar="FILE",
    help="PEM file of the certificate authorities to trust, instead of the usual ones.",
)
ALLOW_UNTRUSTED = declare(
    "allow-untrusted",
    "--au",
    group=MISCELLANEOUS,
    config="allowUntrusted",
    help="Accept an untrusted or invalid certificate. For development only.",
)
TIMEOUT = declare(
    "timeout",
    group=MISCELLANEOUS,
    metavar="DURATION",
    default="60s",
    help="Time for all calls to the server together, at most 4m.",
)
JSON = declare("json", group=MISCELLANEOUS, help="Print one JSON object on standard output.")
DEBUG = declare(
    "debug",
    group=MISCELLANEOUS,
    help="Print more on standard error, never a key; show tracebacks.",
)
