"""Secrets of Buildkite's clusters: found by listing, never read back."""

import re
from collections.abc import Iterator

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused, written
from signotaur_action.errors import DeliveryError
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import Call, Reply, after, before, fail
from support.providers.stores import NAME, OLDER, BuildkiteHarness
from support.sample_key import KEY

CLUSTER = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def buildkite() -> Iterator[BuildkiteHarness]:
    with BuildkiteHarness() as place:
        yield place


@pytest.fixture
def new_buildkite() -> Iterator[BuildkiteHarness]:
    with BuildkiteHarness(new=True) as place:
        yield place


# The list


@pytest.mark.parametrize("count", [99, 100, 101, 200, 250])
def test_a_secret_is_found_however_many_there_are(
    new_buildkite: BuildkiteHarness, count: int
) -> None:
    for number in range(count):
        new_buildkite.server.add_secret(f"OTHER_{number}", OLDER)
    sink = new_buildkite.sink()
    assert "does not exist yet" in sink.check()[0]
    new_buildkite.put(OLDER)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert new_buildkite.read() == KEY
    assert new_buildkite.server.secret("OTHER_0")["value"] == OLDER
    assert written(new_buildkite) == ["PUT"]


def test_shorter_pages_than_asked_for_are_followed(buildkite: BuildkiteHarness) -> None:
    for number in range(5):
        buildkite.server.add_secret(f"OTHER_{number}", OLDER)

    def two_at_a_time(call: Call) -> Reply | None:
        if call.method != "GET" or "per_page=100" not in call.path:
            return None
        call.path = call.path.replace("per_page=100", "per_page=2")
        return None

    buildkite.server.faults.append(two_at_a_time)
    text = buildkite.text.replace(NAME, "OTHER_4")
    buildkite.sink(text).deliver(delivery(KEY))
    assert buildkite.server.secret("OTHER_4")["value"] == KEY
    assert buildkite.read() == OLDER


def test_a_key_of_another_case_is_another_secret(buildkite: BuildkiteHarness) -> None:
    buildkite.server.add_secret(NAME.lower(), OLDER)
    buildkite.sink().deliver(delivery(KEY))
    assert buildkite.read() == KEY
    assert buildkite.server.secret(NAME.lower())["value"] == OLDER


def test_invalid_ids_never_enter_a_url_path(buildkite: BuildkiteHarness) -> None:
    listed = [{"id": "../../clusters", "key": NAME}]
    buildkite.server.faults.append(fail("GET", "page=", 200, body=listed, times=ALWAYS))
    assert "no id" in refused(buildkite).what
    assert "no id" in not_delivered(buildkite).what


# Tokens


@pytest.mark.parametrize(
    ("scopes", "lacking"),
    [
        (("read_secret_details",), "lacks the scope write_secrets"),
        (("write_secrets",), "lacks the scope read_secret_details"),
        ((), "lacks the scope read_secret_details and write_secrets"),
    ],
)
def test_a_scope_that_is_missing_is_found_by_the_check(
    buildkite: BuildkiteHarness, scopes: tuple[str, ...], lacking: str
) -> None:
    buildkite.server.add_token(buildkite.token, scopes=scopes)
    assert lacking in refused(buildkite).what
    assert "maintainer of the cluster" in not_delivered(buildkite).what


def test_somebody_who_does_not_maintain_the_cluster_is_refused(buildkite: BuildkiteHarness) -> None:
    buildkite.server.add_token(buildkite.token, maintainer=False)
    assert "maintainer of the cluster" in refused(buildkite).what
    not_delivered(buildkite)


def test_a_buildkite_that_does_not_tell_scopes_is_believed(buildkite: BuildkiteHarness) -> None:
    buildkite.server.faults.append(fail("GET", "access-token", 404, body={"message": "no"}))
    assert list(buildkite.sink().check()) == []


# What others do meanwhile


def test_a_secret_that_is_made_meanwhile_is_changed(new_buildkite: BuildkiteHarness) -> None:
    new_buildkite.server.faults.append(before("POST", "", lambda: new_buildkite.put(OLDER)))
    new_buildkite.sink().deliver(delivery(KEY))
    assert new_buildkite.held()["value"] == KEY
    assert new_buildkite.held()["policy"], "it is as the other one made it"


def test_a_secret_that_is_removed_meanwhile_is_made_again(buildkite: BuildkiteHarness) -> None:
    buildkite.server.faults.append(before("PUT", "", buildkite.server._secrets.clear))
    buildkite.sink().deliver(delivery(KEY))
    assert buildkite.read() == KEY


def test_a_secret_that_is_removed_at_once_is_reported(buildkite: BuildkiteHarness) -> None:
    buildkite.server.faults.append(after("PUT", "", buildkite.server._secrets.clear))
    with pytest.raises(DeliveryError, match="404") as caught:
        buildkite.sink().deliver(delivery(KEY))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("time", ["2100-01-01T00:00:00.000Z", "2100-01-01T00:00:00", "", "never"])
def test_a_change_that_does_not_show_is_reported(buildkite: BuildkiteHarness, time: str) -> None:
    """As of a proxy that answers by itself: the secret was last changed long ago."""
    secret = {name: text for name, text in buildkite.server.secret(NAME).items() if name != "value"}
    buildkite.server.faults.append(fail("PUT", "", 200, body=secret | {"updated_at": time}))
    said = "does not (say that the secret changed|show the secret as changed)"
    assert re.search(said, not_delivered(buildkite).what)


# Where


def test_a_job_of_the_cluster_tells_cluster_and_organization(buildkite: BuildkiteHarness) -> None:
    job = {"BUILDKITE_CLUSTER_ID": CLUSTER, "BUILDKITE_ORGANIZATION_SLUG": "acme"}
    sink = buildkite.sink(f"buildkite-secret:{NAME}", **job)
    assert sink.name == buildkite.sink().name
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert buildkite.read() == KEY


def test_the_address_may_end_with_the_version(buildkite: BuildkiteHarness) -> None:
    for end in ("/", "/v2", "/v2/"):
        sink = buildkite.sink(BUILDKITE_REST_API_ENDPOINT=buildkite.server.url + end)
        assert list(sink.check()) == []


def test_the_usual_address_is_buildkites(buildkite: BuildkiteHarness) -> None:
    sink = buildkite.sink(BUILDKITE_REST_API_ENDPOINT="")
    url = sink._buildkite._client.url  # type: ignore[attr-defined]
    assert url == "https://api.buildkite.com/v2"


def test_another_cluster_is_refused(buildkite: BuildkiteHarness) -> None:
    text = buildkite.text.replace(CLUSTER, CLUSTER.replace("1", "2"))
    assert "404: Not Found" in refused(buildkite, buildkite.sink(text)).what


def test_cluster_and_organization_are_missed_together(buildkite: BuildkiteHarness) -> None:
    with pytest.raises(SinkError, match="needs cluster= and organization="):
        buildkite.sink(f"buildkite-secret:{NAME}")


@pytest.mark.parametrize(
    "change",
    [
        {NAME: ""},
        {NAME: "1A"},
        {NAME: "A-B"},
        {NAME: "bk_KEY"},
        {NAME: "BuildKite"},
        {NAME: "A" * 256},
        {CLUSTER: "default"},
        {CLUSTER: f"{CLUSTER}/.."},
        {"=acme": "=acme/other"},
        {"=acme": "=.."},
        {"cluster=": "queue="},
    ],
)
def test_a_destination_that_makes_no_sense_is_a_fault(
    buildkite: BuildkiteHarness, change: dict[str, str]
) -> None:
    [(part, other)] = change.items()
    with pytest.raises(SinkError):
        buildkite.sink(buildkite.text.replace(part, other))
