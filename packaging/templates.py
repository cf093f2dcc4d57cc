"""Write what comes from the workflow templates: ``python packaging/templates.py FOLDER``.

``make templates`` runs it for this repository. The examples are the templates with plain
answers; the starter workflows are for an organization's repository ``.github``, whose folder
``workflow-templates`` takes them as they are:
https://docs.github.com/en/actions/how-tos/reuse-automations/create-workflow-templates
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from signotaur_action.workflows.answers import Answers, workflow
from signotaur_action.workflows.templates import FILE_NAMES

# The organization's variable, so that nobody has to change a starter workflow for the server.
VALUES = Answers(server="", key_file="/var/lib/signing/api_key.txt").values() | {
    "server": "${{ vars.SIGNOTAUR_SERVER }}"
}
SELF_HOSTED = {"runner": "[self-hosted, signing]"}
STARTER = {"branch": "$default-branch"}  # GitHub puts the branch's name there

# Where a build that signs is offered: repositories of programs.
PROGRAMS = [
    r"\.(csproj|iss|nsi|sln|slnx|vcxproj|wixproj)$",
    r"^(CMakeLists\.txt|Cargo\.toml|go\.mod|package\.json|pyproject\.toml)$",
]
DESCRIPTIONS = {
    "build": "Signs with a key that a guard has checked, and reports when its end is near.",
    "build-self-hosted": "Signs on the runner that holds the key, once a guard has checked it.",
    "rotate": "Rotates the key of the code-signing server when it is due, into an environment.",
    "rotate-called": "Rotates the key when it is due, by the workflow that comes with the action.",
    "rotate-deferred": "Rotates the key when it is due; a step of your own stores it.",
    "rotate-image": "Rotates the key when it is due, by the image alone; nothing is built.",
    "rotate-self-hosted": "Rotates the key of the code-signing server in a file on its runner.",
    "rotate-when-due": "Signs, and rotates the key on the way when it is due, without a schedule.",
}


def write(root: Path) -> None:
    """Write the examples and the starter workflows below ``root``."""
    examples = root / "examples" / "github"
    starters = root / ".github" / "workflow-templates"
    for folder in (examples, starters):
        folder.mkdir(parents=True, exist_ok=True)
    for name, file_name in FILE_NAMES.items():
        values = VALUES | (SELF_HOSTED if name.endswith("-self-hosted") else {})
        (examples / f"{name}.yml").write_text(workflow(name, values), encoding="utf-8")
        text = workflow(name, values | STARTER)
        starter = starters / file_name
        starter.write_text(text, encoding="utf-8")
        properties = json.dumps(_properties(name, text), indent=2) + "\n"
        starter.with_suffix(".properties.json").write_text(properties, encoding="utf-8")


def _properties(name: str, text: str) -> dict[str, Any]:
    builds = "./sign.sh" in text
    where = " (self-hosted runner)" if name.endswith("-self-hosted") else ""
    return {
        "name": yaml.safe_load(text)["name"] + where,
        "description": DESCRIPTIONS[name],
        "iconName": "octicon verified" if builds else "octicon key",
        "categories": ["Deployment" if builds else "Automation", "Utilities"],
        **({"filePatterns": PROGRAMS} if builds else {}),
    }


if __name__ == "__main__":
    write(Path(sys.argv[1]))
