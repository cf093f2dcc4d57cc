"""The options that only ``init`` takes. No variable sets them."""

from signotaur_action.options.declare import declare

_WORKFLOWS = "Workflows"

ENVIRONMENT = declare(
    "environment",
    group=_WORKFLOWS,
    metavar="NAME",
    environment="",
    default="signing",
    help="GitHub environment of the jobs; the key is its secret, unless --key-file is given.",
)
SECRET = declare(
    "secret",
    group=_WORKFLOWS,
    metavar="NAME",
    environment="",
    default="SIGNOTAUR_API_KEY",
    help="Name of the environment's secret that contains the key.",
)
KEY_FILE = declare(
    "key-file",
    group=_WORKFLOWS,
    metavar="FILE",
    environment="",
    help="File that contains the key on a self-hosted runner, instead of a secret.",
)
RUNNER = declare(
    "runner",
    group=_WORKFLOWS,
    metavar="LABELS",
    environment="",
    help="Labels of the runner, separated by commas; ubuntu-latest for a secret.",
)
BRANCH = declare(
    "branch",
    group=_WORKFLOWS,
    metavar="NAME",
    environment="",
    default="main",
    help="Branch whose pushes are signed.",
)
ACTION = declare(
    "action",
    group=_WORKFLOWS,
    metavar="OWNER/REPO@COMMIT",
    environment="",
    help="The action and its commit; a placeholder if not given.",
)
FOLDER = declare(
    "folder",
    group=_WORKFLOWS,
    metavar="FOLDER",
    environment="",
    default=".github/workflows",
    help="Folder to write the two workflows to.",
)
FORCE = declare(
    "force",
    group=_WORKFLOWS,
    environment="",
    help="Overwrite workflows that exist already.",
)
