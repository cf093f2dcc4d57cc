"""The manual is complete, every link leads somewhere, and README stays a front page."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.pages import (
    DOCS,
    OTHER_PAGES,
    PAGES,
    README,
    ROOT,
    anchors,
    links,
    rows,
    table,
)
from signotaur_action.options.commands import COMMANDS
from signotaur_action.sinks import EMITTERS, maker_of
from signotaur_action.sinks.base import SinkContext
from signotaur_action.sinks.continua import ContinuaSink
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.stdout import StdoutSink

STDOUT = "stdout"
DESTINATIONS: dict[str, Any] = {
    STDOUT: StdoutSink,
    **{kind: maker_of(kind) for kind in EMITTERS},
    "key-file": KeyFileSink,
    "env-file": EnvFileSink,
}
"""What makes each kind of destination; most are classes, which know whether they are durable."""

EVERY_PAGE = {**PAGES, **{path: (ROOT / path).read_text() for path in OTHER_PAGES}}


def linked(text: str) -> str:
    """The target of a table cell's link."""
    [(target, _)] = links(text)
    return target


# The front page


def test_the_readme_is_a_front_page() -> None:
    assert len(README.splitlines()) <= 200
    assert len(README.split()) <= 1800


def test_the_readme_names_the_two_commands_that_do_all_set_up() -> None:
    assert "Two commands do all the set-up" in README
    assert "```sh\nmake demo\n```" in README
    assert "`make test`" in README


# One page per question


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_a_destination_has_a_page_that_answers_the_questions(kind: str) -> None:
    page = PAGES[f"docs/destinations/{kind}.md"]
    assert re.findall("(?m)^## (.*)$", page) == [
        "What it needs",
        "Can it be read back?",
        "Is it durable?",
        "When it fails",
    ]
    assert kind == STDOUT or f"{kind}:" in page or f"`--emit-secret {kind}`" in page


def test_no_page_is_about_a_destination_that_does_not_exist() -> None:
    named = {path.stem for path in (DOCS / "destinations").iterdir()}
    assert named == {"index", *DESTINATIONS}


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_a_destination_has_its_rows(kind: str) -> None:
    front = [row for row in table("destinations") if linked(row[0]).endswith(f"/{kind}.md")]
    assert front
    assert all(row[0].startswith(("[none]", f"[`{kind}")) for row in front)
    overview = PAGES["docs/destinations/index.md"].split("\n\n| Kind |")[1].split("\n\n")[0]
    assert [row for row in rows(overview) if linked(row[0]) == f"{kind}.md"]


def test_the_front_page_says_which_destinations_are_durable() -> None:
    context = SinkContext(lambda _text: None, {})
    for destination, _, durable in table("destinations"):
        kind = Path(linked(destination)).stem
        variable = re.search(r"continua:(\w+)=", destination)
        sink = ContinuaSink(f"{variable[1]}=A", context) if variable else DESTINATIONS[kind]
        assert durable == ("yes" if sink.durable else "no"), destination


def test_every_command_has_a_page() -> None:
    named = {name.replace(" ", "-") for name in COMMANDS}
    assert {path.stem for path in (DOCS / "commands").iterdir()} == named


def test_every_example_for_a_ci_system_is_linked_from_a_page() -> None:
    targets = {
        (ROOT / page).parent.joinpath(target).resolve()
        for page, text in PAGES.items()
        for target, _ in links(text)
    }
    examples = {path for path in (ROOT / "examples").rglob("*") if path.is_file()}
    assert examples <= targets


# Links


def test_every_page_is_linked_from_the_index_and_is_in_the_navigation() -> None:
    pages = {path.removeprefix("docs/") for path in PAGES} - {"README.md"}
    assert pages - {"index.md"} <= {target for target, _ in links(PAGES["docs/index.md"])}
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = re.findall(r"'([\w/-]+\.md)'", str(navigation))
    assert sorted(named) == sorted(pages)


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for target, anchor in links(EVERY_PAGE[page]):
        if ":" in target:
            continue
        path = (ROOT / page).parent.joinpath(target).resolve() if target else ROOT / page
        assert path.is_file(), target  # not a folder: the site has no page for one
        assert not anchor or anchor in anchors(path.read_text()), f"{target}#{anchor}"


def test_pages_that_the_code_names_exist() -> None:
    code = [*(ROOT / "entrypoint").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    files = [*code, *(path for path in (ROOT / "examples").rglob("*") if path.is_file())]
    named = {
        name for path in files for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())
    }
    assert "docs/design.md" in named
    assert named <= set(PAGES)
