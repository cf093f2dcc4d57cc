"""A hook for MkDocs: the site gets a copy of each file outside ``docs`` that a page links to.

On GitHub a page links to ``../../examples/jenkins/Jenkinsfile`` by its relative path. A site
contains ``docs`` alone, so such files are copied to ``repository/…``, Markdown files as pages
and all others as text, and the links are changed to the copies.
"""

import re
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

_DOCS = "docs"
_COPIES = "repository"
_LINK = re.compile(r"(?<=\]\()(?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the linked files; Markdown files may link to more."""
    root = Path(config.config_file_path).parent
    pages = [f"{_DOCS}/{file.src_uri}" for file in files.documentation_pages()]
    seen = set(pages)
    while pages:
        page = pages.pop()
        for path in _targets((root / page).read_text("utf-8"), page):
            if path in seen or path.startswith(f"{_DOCS}/") or not (root / path).is_file():
                continue  # MkDocs itself reports a link to a file that does not exist
            seen.add(path)
            files.append(_copy(config, root, path))
            if path.endswith(".md"):
                pages.append(path)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_rest: Any) -> str:
    """Return the page with its links to files outside ``docs`` changed to the copies."""
    root = Path(config.config_file_path).parent
    source = Path(str(page.file.abs_src_path)).relative_to(root).as_posix()
    folder = PurePosixPath(page.file.src_uri).parent

    def changed(match: re.Match[str]) -> str:
        target = relpath(_site_uri(_resolved(source, match["target"])), folder)
        return target + (match["anchor"] or "")

    return _LINK.sub(changed, markdown)


def on_post_template(output_content: str, template_name: str, **_rest: Any) -> str:
    """Leave out the page for addresses that do not exist: it needs to know the site's address."""
    return "" if template_name == "404.html" else output_content


def _copy(config: MkDocsConfig, root: Path, path: str) -> File:
    source = str(root / path)
    return File.generated(
        config, _site_uri(path), abs_src_path=source, inclusion=InclusionLevel.NOT_IN_NAV
    )


def _site_uri(path: str) -> str:
    """Return where a file of the repository is in the site; MkDocs leaves out hidden files."""
    if path.startswith(f"{_DOCS}/"):
        return path.removeprefix(f"{_DOCS}/")
    shown = f"{_COPIES}/{path}".replace("/.", "/")
    return shown if path.endswith(".md") else f"{shown}.txt"


def _targets(markdown: str, page: str) -> list[str]:
    return [_resolved(page, match["target"]) for match in _LINK.finditer(markdown)]


def _resolved(page: str, target: str) -> str:
    return normpath((PurePosixPath(page).parent / target).as_posix())
