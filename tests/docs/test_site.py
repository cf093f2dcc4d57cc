"""The manual as a site: MkDocs builds it without a warning, and it loads nothing from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs.pages import OTHER_PAGES, PAGES, ROOT, rows, table

LOADING = {"src", "srcset", "data", "poster", "action", "background"}
"""Attributes whose address a browser asks without a click."""


class Loaded(HTMLParser):
    """Gathers what a browser loads for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loading = LOADING | {"href"} if tag == "link" else LOADING
        self.addresses += [value or "" for name, value in attrs if name in loading]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as ``make docs`` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_make_docs_builds_the_site_strictly() -> None:
    recipe = re.search(r"(?m)^docs: .*\n(\t.*\n)+", (ROOT / "Makefile").read_text())
    assert recipe is not None
    assert "mkdocs build" in recipe[0]
    assert "--strict" in recipe[0]


def test_every_page_is_in_the_site_with_its_tables(site: Path) -> None:
    for path, text in PAGES.items():
        if path == "README.md":
            continue
        html = (site / path.removeprefix("docs/")).with_suffix(".html").read_text()
        assert html.count("<table>") == len(re.findall(r"(?m)^\| --- \|", text)), path


def test_the_other_files_that_pages_link_to_are_in_the_site(site: Path) -> None:
    for path in OTHER_PAGES:
        name = path.replace(".github", "github").replace("README.md", "index.md")
        assert (site / "repository" / name).with_suffix(".html").is_file(), path
    copied = site / "repository" / "examples" / "jenkins" / "Jenkinsfile.txt"
    assert copied.read_bytes() == (ROOT / "examples" / "jenkins" / "Jenkinsfile").read_bytes()
    assert (
        'href="../repository/examples/jenkins/Jenkinsfile.txt"'
        in (site / "ci" / "jenkins.html").read_text()
    )


def test_a_page_loads_nothing_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert loaded.addresses
        foreign = [each for each in loaded.addresses if re.match(r"(\w+:)?//", each)]
        assert foreign == [], page
    for sheet in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", sheet.read_text()), sheet


def test_tables_are_read_as_they_are_shown() -> None:
    assert rows("| A | B |\n| --- | --- |\n| 1 |  |") == [["1", ""]]
    assert table("exit codes")[0][0] == "0"
