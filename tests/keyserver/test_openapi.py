"""The description of the interface is complete and true: fuzzed against it, and compared."""

import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from keyserver.harness import ServerHarness
from proof.matrix import Record, amount, recorded
from signotaur_keyserver.api.app import Options, create_app
from signotaur_keyserver.api.problems import TITLES
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.web import protection
from signotaur_keyserver.web.application import add_pages
from signotaur_keyserver.web.site import SiteOptions
from signotaur_wire.messages import (
    ConfirmationRequest,
    KeyDescription,
    RotationDescription,
    RotationRequest,
)
from signotaur_wire.problems import Problem
from web.pages import Pages, serving_pages

ADMINISTRATOR = 2
"""The id of the user whose session the generated requests carry."""
SIGNS_IN = ("post_session_api_v1_session_post",)
PROVES_IDENTITY = ("post_token_exchange_api_v1_token_exchange_post",)
"""By a token in the body: no key and no session opens it, and no status 401 asks for one."""
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def fuzzed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A server for this module, in which nothing stays as it was."""
    file = tmp_path_factory.mktemp("fuzzed") / "keyserver.db"
    shutil.copyfile(template, file)
    world = ServerHarness(file)
    world.user()
    with serving_pages(world) as pages:
        pages.add_person("root", admin=True)
        yield pages
    world.close()


@pytest.fixture(scope="module")
def fuzzing_key(fuzzed: Pages) -> str:
    """The key that the generated requests carry."""
    return fuzzed.world.key()


@pytest.fixture(scope="module")
def asked() -> Iterator[Record]:
    """What the table of ``docs/proof.md`` counts."""
    with recorded("requests to the server", __name__) as record:
        yield record


def _described() -> dict[str, Any]:
    """The description with the calls of people; no database is opened for it."""
    app = create_app(Database(sqlite_url(Path("none"))), Options())
    add_pages(app, SiteOptions())
    described = app.openapi()
    for operations in described["paths"].values():
        for operation in operations.values():
            # The test itself sends the session of each request.
            if "session" in str(operation.get("security")):
                operation["security"] = []
    return described


schema = schemathesis.openapi.from_dict(_described())


@schema.parametrize()
@settings(
    max_examples=amount(25, 500),
    deadline=None,
    suppress_health_check=QUIET,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
)
def test_no_request_gets_an_answer_that_is_not_described(
    case: schemathesis.Case[Any], fuzzed: Pages, fuzzing_key: str, asked: Record
) -> None:
    asked.points += 1
    token = fuzzed.token(fuzzed.person(ADMINISTRATOR))
    headers = {
        "Authorization": f"Bearer {fuzzing_key}",
        "Cookie": f"{protection.SESSION}={token}",
        "X-CSRF-Token": protection.csrf_token(token),
    }
    answer = case.call(base_url=fuzzed.url, headers=headers)
    excluded: list[Any] = [positive_data_acceptance] if _no_schema_can_say(answer) else []
    if any(_is_absent(value) for value in (case.query or {}).values()):
        excluded.append(negative_data_rejection)
    case.validate_response(answer, excluded_checks=excluded)


def _is_absent(value: object) -> bool:
    """Return whether a query has no way to say the value, or says it as a form says nothing."""
    return isinstance(value, dict | list) or value in ("", None)


def _no_schema_can_say(answer: schemathesis.Response) -> bool:
    """Return whether a valid body was refused for its id, its token or its version of Unicode."""
    told = answer.json() if answer.status_code in (400, 422) else {}
    if told.get("type") == "invalid-grant":
        return True
    mismatch = told.get("type") == "rotation-mismatch"
    # What a schema cannot say of a name or a password is said beside its field.
    return mismatch or told.get("fields") == ["holder"] or "faults" in told


@pytest.fixture(scope="module")
def told(fuzzed: Pages) -> dict[str, Any]:
    """The description as JSON."""
    answer = requests.get(f"{fuzzed.url}/openapi.json", timeout=60)
    described: dict[str, Any] = answer.json()
    return described


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("RotationRequest", RotationRequest),
        ("ConfirmationRequest", ConfirmationRequest),
        ("Rotation", RotationDescription),
        ("Key", KeyDescription),
    ],
)
def test_schemas_have_the_members_of_the_messages(
    told: dict[str, Any], name: str, message: type
) -> None:
    assert len(told["components"]["schemas"][name]["properties"]) == len(fields(message))


def test_the_members_of_real_answers_are_described(
    told: dict[str, Any], world: ServerHarness
) -> None:
    schemas = told["components"]["schemas"]
    old = world.key()
    opened = world.now.open(old)
    assert set(opened.answer) == set(schemas["Rotation"]["required"])
    assert set(world.now.self(old).json()) == set(schemas["Key"]["required"])
    body = set(opened.new.body())
    assert body | {"compromised"} == set(schemas["RotationRequest"]["properties"])
    assert body - {"again"} == set(schemas["RotationRequest"]["required"])


def test_every_problem_is_described_somewhere(told: dict[str, Any]) -> None:
    text = str(told["paths"])
    assert [problem for problem in Problem if f"'{problem.value}'" not in text] == []
    assert set(TITLES) == set(Problem)


def test_every_operation_needs_the_key_or_none(told: dict[str, Any]) -> None:
    for path, operations in told["paths"].items():
        for operation in operations.values():
            assert bool(operation.get("security")) == (
                path.startswith("/api/")
                and operation["operationId"] not in SIGNS_IN + PROVES_IDENTITY
            )
            # An administrator decides whether /metrics requires a token.
            may_refuse = path.startswith(("/api/", "/metrics"))
            may_refuse &= operation["operationId"] not in PROVES_IDENTITY
            assert ("401" in operation["responses"]) == may_refuse


def test_nothing_is_loaded_from_elsewhere(fuzzed: Pages) -> None:
    for path in ("/docs", "/redoc"):
        assert requests.get(fuzzed.url + path, timeout=60).status_code == 404
