"""The shape of the package: imports run one way, and one clock decides."""

import ast
from pathlib import Path

import pytest

import signotaur_keyserver

ROOT = Path(signotaur_keyserver.__file__).parent
# From the bottom up; a module may import from its own layer and from those below.
LAYERS = (
    ("durations", "records", "events", "private_files"),
    ("refusals",),
    ("rules",),
    ("schema",),
    ("database",),
    ("pki",),
    ("migrate", "migrations", "store"),
    ("service",),
    ("sweeper",),
    ("tls", "api"),
    ("connections",),
    ("bounded_http", "acceptor"),
    ("server",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
MODULES = sorted(ROOT.rglob("*.py"))


def _layer(module: str) -> int:
    places = [i for i, layer in enumerate(LAYERS) if module in layer]
    assert places, f"give {module} a layer"
    return places[0]


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "signotaur_keyserver":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            package, _, rest = node.module.partition(".")
            found |= {rest.split(".")[0]} if package == "signotaur_keyserver" else set()
    return found


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_keeps_to_its_layer(file: Path) -> None:
    relative = file.relative_to(ROOT).with_suffix("")
    if relative.name == "__init__":
        assert _imports(file) == set()
        return
    own = _layer(relative.parts[0])
    assert [name for name in _imports(file) if _layer(name) > own] == []
    source = file.read_text()
    # Keys live by the database's clock; only certificates go by the machine's.
    if relative.name != "tls":
        assert "datetime.now" not in source
        assert "time.time" not in source
