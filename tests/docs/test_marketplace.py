"""What GitHub demands before an action may be listed in its Marketplace.

https://docs.github.com/en/actions/how-tos/create-and-publish-actions/publish-in-github-marketplace
and https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax#branding.
That the name is not taken, and the tick in the browser, nobody can test.
"""

import re
from typing import Any

import pytest
import yaml

from docs.pages import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
LONGEST_DESCRIPTION = 125
COLORS = {"white", "black", "yellow", "blue", "green", "orange", "red", "purple", "gray-dark"}


def test_the_one_metadata_file_is_at_the_root() -> None:
    assert [path.name for path in ROOT.glob("action.y*ml")] == ["action.yml"]


@pytest.mark.parametrize("member", ["name", "description", "author", "runs"])
def test_the_metadata_has_what_is_required(member: str) -> None:
    assert ACTION[member]


def test_the_name_is_plain_text_that_is_no_path_and_no_owner() -> None:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9 -]+", ACTION["name"])
    assert len(ACTION["description"]) <= LONGEST_DESCRIPTION


def test_the_branding_is_one_that_is_offered() -> None:
    """Feather icons that GitHub's schema takes; ``key``, which would fit, is not among them."""
    assert ACTION["branding"] == {"icon": "refresh-cw", "color": "blue"}
    assert ACTION["branding"]["color"] in COLORS


def test_every_input_and_output_has_a_description() -> None:
    for each in (*ACTION["inputs"].values(), *ACTION["outputs"].values()):
        assert each["description"]


def test_the_page_shown_is_the_readme_with_a_workflow_and_the_license() -> None:
    assert "uses: OWNER/signotaur-action@" in (ROOT / "README.md").read_text()
    assert "Apache License" in (ROOT / "LICENSE").read_text()
