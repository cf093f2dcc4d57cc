"""The map of the code in the manual names what is there."""

import re
from pathlib import Path

from docs.pages import ROOT, table

SOURCE = ROOT / "entrypoint"
CLIENT, SERVER = SOURCE / "signotaur_action", SOURCE / "signotaur_keyserver"


def names(cell: str) -> list[str]:
    """Return what a cell quotes."""
    return re.findall(r"`([^`]+)`", cell)


def place(folder: Path, name: str) -> Path:
    """Return the folder or the module that a name of the map means."""
    root = SOURCE if name.startswith("signotaur_wire") else folder
    path = root / name
    return path if path.exists() else path.with_name(f"{path.name}.py")


def lines(path: Path) -> int:
    modules = path.rglob("*.py") if path.is_dir() else [path]
    return sum(len(module.read_text().splitlines()) for module in modules)


def test_what_is_to_be_read_first_has_the_length_that_the_map_says() -> None:
    for cell, number, _ in table("reading order"):
        total = sum(lines(CLIENT / name) for name in names(cell))
        assert abs(total - int(number)) <= total / 10, f"{cell} has {total} lines"


def test_the_map_has_every_folder_of_the_client() -> None:
    mapped = [name.strip("/") for cell, _ in table("folders of the client") for name in names(cell)]
    there = {path.stem for path in CLIENT.iterdir() if path.suffix in {"", ".py"}}
    assert sorted(mapped) == sorted(there - {"__init__", "__pycache__"})


def test_words_without_a_folder_lead_to_modules() -> None:
    for word, client, server in table("words without a folder"):
        for folder, cell in ((CLIENT, client), (SERVER, server)):
            assert names(cell), word
            for name in names(cell):
                assert place(folder, name).exists(), f"{word}: {name}"
