"""The options that only ``init`` takes; see ``options``. No variable sets them."""

from typing import Annotated

from signotaur_action.options.declare import Flag, Text, declared

Environment = Annotated[
    Text,
    declared(
        "environment",
        environment="",
        default="signing",
        help="GitHub environment of the jobs; its secret is the key, unless a key file is.",
    ),
]
SecretName = Annotated[
    Text,
    declared(
        "secret",
        environment="",
        default="SIGNOTAUR_API_KEY",
        help="Name of the environment's secret that holds the key.",
    ),
]
KeyFile = Annotated[
    Text,
    declared(
        "key-file",
        environment="",
        help="File that holds the key on a self-hosted runner, in place of a secret.",
    ),
]
Runner = Annotated[
    Text,
    declared(
        "runner",
        environment="",
        help="Labels of the runner, with commas between; ubuntu-latest for a secret.",
    ),
]
Branch = Annotated[
    Text,
    declared("branch", environment="", default="main", help="Branch whose pushes are signed."),
]
ActionReference = Annotated[
    Text,
    declared(
        "action",
        environment="",
        help="The action with its commit, as OWNER/REPO@COMMIT; a placeholder if not given.",
    ),
]
Folder = Annotated[
    Text,
    declared(
        "folder",
        environment="",
        default=".github/workflows",
        help="Folder to write the two workflows to.",
    ),
]
Force = Annotated[
    Flag,
    declared("force", environment="", is_flag=True, help="Overwrite workflows that exist already."),
]
