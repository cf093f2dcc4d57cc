"""What keeps the code small and safe to read: budgets, and who may do what."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "entrypoint"
PACKAGES = ("signotaur_action", "signotaur_demo", "signotaur_keyserver", "signotaur_wire")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

LONGEST_FUNCTION = 50
LONGEST_MODULE = 300

IMPORTS_LATER = {
    "signotaur_action/__main__.py": {"main"},  # --version answers before anything is loaded
}
"""Functions that import. The modules ``cli`` load a command's module by name when it runs."""

LOADS_BY_NAME = {
    "signotaur_action/cli.py": {"_run"},
    "signotaur_keyserver/cli.py": {"_add"},
    "signotaur_action/sinks/__init__.py": {"maker_of"},
    # Libsodium, for those alone who deliver to GitHub.
    "signotaur_action/sinks/github_secret.py": {"check", "_sealed"},
}

REVEALS = {
    "signotaur_action/ci/disclosure.py",  # looks for parts of it in a text
    "signotaur_action/github/rest.py",  # looks at its characters
    "signotaur_action/ci/redaction.py",  # looks for it in what others say
    "signotaur_action/key_server/keys.py",  # the hash that the server is told
    "signotaur_action/key_server/token_exchange.py",  # the form that carries the ID token
    "signotaur_action/http/sender.py",  # the header that carries it
    "signotaur_action/files/journal/file.py",
    "signotaur_action/ci/masks.py",
    "signotaur_action/reporting/rotation.py",  # the JSON object, when it is asked for
    "signotaur_action/github/sealed_box.py",  # GitHub gets nothing but the box
    "signotaur_action/sinks/sign_in/aws_identity.py",  # the form that carries an ID token
    "signotaur_action/sinks/aws_parameter.py",
    "signotaur_action/sinks/aws_secret.py",
    "signotaur_action/sinks/stores/aws_signature.py",  # signs with it
    "signotaur_action/sinks/azure.py",
    "signotaur_action/sinks/azure_devops_var.py",
    "signotaur_action/sinks/azure_key_vault.py",
    "signotaur_action/sinks/bitbucket_var.py",
    "signotaur_action/sinks/buildkite_secret.py",
    "signotaur_action/sinks/circleci_env.py",
    "signotaur_action/sinks/command.py",  # a program's standard input
    "signotaur_action/sinks/continua.py",
    "signotaur_action/sinks/env_file.py",
    "signotaur_action/sinks/github_job.py",
    "signotaur_action/sinks/gitea_secret.py",
    "signotaur_action/sinks/gitlab_var.py",
    "signotaur_action/sinks/jenkins_credential.py",
    "signotaur_action/sinks/key_file.py",
    "signotaur_action/sinks/stdout.py",
    "signotaur_action/sinks/stores/store.py",  # looks whether a header can carry the token
    "signotaur_action/sinks/teamcity.py",
    "signotaur_action/sinks/teamcity_param.py",
    "signotaur_action/sinks/template.py",
    "signotaur_action/sinks/sign_in/entra.py",
    "signotaur_action/sinks/sign_in/id_token.py",
    "signotaur_action/sinks/gcp_secret.py",
    "signotaur_action/sinks/sign_in/google_identity.py",
    "signotaur_action/sinks/kubernetes.py",
    "signotaur_action/sinks/vault.py",
    "signotaur_action/sinks/sign_in/vault_login.py",
    "signotaur_action/vendor_tool/command.py",  # the environment of the tool
    "signotaur_demo/story.py",  # hides the key in what the demo shows
}
"""The only modules that may turn a Secret into text."""

CATCHES_ALL = {
    "signotaur_action/cli.py": {"main"},
    "signotaur_action/rotation/run.py": {"_as_unfinished"},  # says how the keys are
    "signotaur_action/files/journal/file.py": {"open_locked"},  # closes the file and raises again
    "signotaur_action/program.py": {"run_program"},  # ends the program and raises again
    "signotaur_keyserver/api/middleware.py": {"__call__"},
    "signotaur_keyserver/runtime/check_turn.py": {"_answer_to"},  # others wait for theirs
}
"""The last resorts, and what must be undone whatever comes."""

NETWORK = {
    "signotaur_action/http/connection.py",
    "signotaur_action/http/errors.py",
    "signotaur_action/http/name_lookup.py",
    "signotaur_action/http/sender.py",
    "signotaur_action/http/session.py",
}
NETWORK_LIBRARIES = {"requests", "urllib3", "http", "socket", "ssl"}

MACHINE = "signotaur_action/machine/"
SYSTEM_LIBRARIES = {"ctypes", "fcntl", "grp", "msvcrt", "pwd", "resource", "termios", "winreg"}
"""What only some operating systems have."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


TREES = {name(path): ast.parse(path.read_text(), str(path)) for path in MODULES}
CLIENT = {path: tree for path, tree in TREES.items() if path.startswith("signotaur_action/")}


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def named(holds: Callable[[ast.AST], bool]) -> dict[str, set[str]]:
    """Return the names of all functions of which something holds, by module."""
    found = {
        path: {function.name for function in functions(tree) if holds(function)}
        for path, tree in TREES.items()
    }
    return {path: names for path, names in found.items() if names}


def imports(node: ast.AST) -> set[str]:
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            found |= {alias.name for alias in each.names}
        elif isinstance(each, ast.ImportFrom):
            found.add(each.module or ".")
    return found


def roots(node: ast.AST) -> set[str]:
    return {each.partition(".")[0] for each in imports(node)}


def calls(node: ast.AST, *names: str) -> bool:
    return any(
        isinstance(each, ast.Call)
        and (getattr(each.func, "attr", None) in names or getattr(each.func, "id", None) in names)
        for each in ast.walk(node)
    )


def catches_all(node: ast.AST) -> bool:
    handlers = [each for each in ast.walk(node) if isinstance(each, ast.ExceptHandler)]
    caught = [
        {each.id for each in ast.walk(handler.type) if isinstance(each, ast.Name)}
        for handler in handlers
        if handler.type is not None
    ]
    bare = len(caught) < len(handlers)
    return bare or any({"Exception", "BaseException"} & names for names in caught)


def test_all_packages_are_looked_at() -> None:
    assert {path.partition("/")[0] for path in TREES} == set(PACKAGES)
    assert len(TREES) > 80


def test_the_source_root_is_not_a_package() -> None:
    assert not (ROOT / "__init__.py").exists()


def test_every_module_says_what_it_is() -> None:
    assert [path for path, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_every_module_stays_within_its_budget() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_every_function_stays_within_its_budget() -> None:
    lengths = {
        f"{path}: {function.name}": (function.end_lineno or 0) - function.body[0].lineno + 1
        for path, tree in TREES.items()
        for function in functions(tree)
    }
    assert {place: lines for place, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_imports_are_at_the_top() -> None:
    assert named(lambda function: bool(imports(function))) == IMPORTS_LATER


def test_modules_are_loaded_by_name_in_one_place() -> None:
    assert named(lambda node: calls(node, "import_module", "__import__")) == LOADS_BY_NAME


def test_keys_are_revealed_where_they_must_be_and_nowhere_else() -> None:
    assert {path for path, tree in TREES.items() if calls(tree, "reveal")} == REVEALS


def test_nobody_reaches_past_reveal_into_a_secret() -> None:
    reaching = {
        f"{path}: {ast.unparse(node)}"
        for path, tree in CLIENT.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "_text"
        and ast.unparse(node.value) != "self"
    }
    assert reaching == {"signotaur_action/model.py: other._text"}


def test_only_the_last_resorts_catch_everything() -> None:
    assert named(catches_all) == CATCHES_ALL


def test_one_package_of_the_client_knows_the_network() -> None:
    assert {path for path, tree in CLIENT.items() if roots(tree) & NETWORK_LIBRARIES} == NETWORK


def test_one_package_of_the_client_knows_the_operating_system() -> None:
    asking = {
        path
        for path, tree in CLIENT.items()
        if roots(tree) & SYSTEM_LIBRARIES
        or any(
            isinstance(each, ast.Attribute) and ast.unparse(each) in ("sys.platform", "os.name")
            for each in ast.walk(tree)
        )
    }
    assert asking
    assert {path for path in asking if not path.startswith(MACHINE)} == set()


def test_the_wire_needs_the_standard_library_alone() -> None:
    allowed = sys.stdlib_module_names | {"signotaur_wire"}
    wire = {path: roots(tree) for path, tree in TREES.items() if path.startswith("signotaur_wire/")}
    assert len(wire) > 5
    assert {path: found - allowed for path, found in wire.items() if found - allowed} == {}


def test_nothing_is_printed_past_the_console() -> None:
    printing = {path for path, tree in CLIENT.items() if calls(tree, "print")}
    assert printing == {"signotaur_action/__main__.py"}


def test_no_module_of_tests_imports_another() -> None:
    """What two of them need is in a module that has no tests."""
    folder = ROOT.parent / "tests"
    modules = {path: imports(ast.parse(path.read_text())) for path in folder.rglob("*.py")}
    assert len(modules) > 200
    borrowing = {
        path.relative_to(folder).as_posix(): names
        for path, found in modules.items()
        if (names := {each for each in found if each.rpartition(".")[2].startswith("test_")})
    }
    assert borrowing == {}
