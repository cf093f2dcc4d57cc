"""Secrets of Kubernetes: one entry by server-side apply."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contract.harness import delivery
from providers.store_checks import not_delivered, refused
from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import drop, fail
from support.providers.kubernetes_place import KEY as ENTRY
from support.providers.kubernetes_place import SECRET, KubernetesHarness
from support.providers.stores import NEIGHBOUR, OLDER
from support.sample_key import KEY
from support.tls import Authority


@pytest.fixture
def place() -> Iterator[KubernetesHarness]:
    with KubernetesHarness() as place:
        yield place


@pytest.fixture
def new_place() -> Iterator[KubernetesHarness]:
    with KubernetesHarness(new=True) as place:
        yield place


def test_one_entry_is_written_and_the_others_stay(place: KubernetesHarness) -> None:
    sink = place.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert place.held() == {"PASSWORD": NEIGHBOUR, ENTRY: KEY}
    assert sink.read_back() == Secret(KEY)
    sink.deliver(delivery(KEY))
    assert place.held() == {"PASSWORD": NEIGHBOUR, ENTRY: KEY}
    bodies = [request.body for request in place.server.calls("PATCH")]
    assert all(NEIGHBOUR.encode() not in body for body in bodies)


def test_a_secret_that_is_missing_is_reported_and_created(new_place: KubernetesHarness) -> None:
    sink = new_place.sink()
    assert list(sink.check()) == [f"{sink.name} does not exist yet; it will be created."]
    assert new_place.held() is None
    sink.deliver(delivery(KEY))
    assert new_place.held() == {ENTRY: KEY}


def test_an_entry_that_is_missing_is_reported_and_added(place: KubernetesHarness) -> None:
    del place.server.secrets[SECRET]["data"][ENTRY]
    sink = place.sink()
    [concern] = sink.check()
    assert "does not have this key yet; it will be added" in concern
    sink.deliver(delivery(KEY))
    assert place.held() == {"PASSWORD": NEIGHBOUR, ENTRY: KEY}


def test_an_account_that_may_only_write_is_proved_by_the_answer(place: KubernetesHarness) -> None:
    place.server.tokens[place.token] = {"patch"}
    sink = place.sink()
    [concern] = sink.check()
    assert "cannot be read; the delivery is verified by the answer" in concern
    sink.deliver(delivery(KEY))
    assert sink.read_back() is None
    assert place.read() == KEY


@pytest.mark.parametrize("data", ["a2V5!", "/w==", ""])
def test_an_entry_that_is_no_text_is_not_a_key(place: KubernetesHarness, data: str) -> None:
    place.server.secrets[SECRET]["data"][ENTRY] = data
    assert place.sink().read_back() is None


def test_a_lost_answer_is_asked_for_again(place: KubernetesHarness) -> None:
    place.server.faults.append(drop("PATCH", "/secrets/"))
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY


# What is refused


@pytest.mark.parametrize(("verbs", "lacks"), [({"get"}, "patch"), ({"get", "create"}, "patch")])
def test_an_account_without_the_right_is_refused_before_anything_is_rotated(
    place: KubernetesHarness, verbs: set[str], lacks: str
) -> None:
    place.server.tokens[place.token] = verbs
    assert f"the account lacks {lacks} on secrets in the namespace builds" in refused(place).what


def test_a_new_secret_needs_the_right_to_create(new_place: KubernetesHarness) -> None:
    new_place.server.tokens[new_place.token] = {"get", "patch"}
    assert "the account lacks create on secrets" in refused(new_place).what


def test_where_rights_cannot_be_asked_for_the_write_decides(place: KubernetesHarness) -> None:
    place.server.reviews = False
    place.server.tokens[place.token] = {"get"}
    sink = place.sink()
    assert list(sink.check()) == []
    said = not_delivered(place, sink).what
    assert "403" in said
    assert "cannot patch resource" in said


def test_an_immutable_secret_is_refused(place: KubernetesHarness) -> None:
    place.server.secrets[SECRET]["immutable"] = True
    assert "the Secret is immutable" in refused(place).what


def test_another_namespace_is_refused(place: KubernetesHarness) -> None:
    sink = place.sink(f"kubernetes:other/{SECRET}#{ENTRY}")
    assert "the account lacks patch on secrets in the namespace other" in refused(place, sink).what


def test_a_namespace_that_is_gone_is_no_fault_of_the_token(place: KubernetesHarness) -> None:
    gone = {"message": 'namespaces "builds" not found'}
    place.server.faults.append(fail("PATCH", "", 404, body=gone))
    assert 'answered 404: namespaces "builds" not found' in not_delivered(place).what


def test_an_unknown_token_is_refused(place: KubernetesHarness) -> None:
    place.revoke()
    assert "Kubernetes refuses the token (401: Unauthorized)" in refused(place).what


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kubernetes:signing#KEY", "needs NAMESPACE/NAME#KEY"),
        ("kubernetes:builds/signing", "needs NAMESPACE/NAME#KEY"),
        ("kubernetes:Builds/signing#KEY", ": namespace: "),
        ("kubernetes:../signing#KEY", ": namespace: "),
        ("kubernetes:builds/a/b#KEY", ": Secret: "),
        ("kubernetes:builds/signing#a key", ": key: "),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(place: KubernetesHarness, text: str, fault: str) -> None:
    with pytest.raises(SinkError, match=fault):
        place.sink(text)


def test_everything_missing_is_reported_at_once(place: KubernetesHarness) -> None:
    nowhere = replace(place.context(), environ={})
    with pytest.raises(SinkError) as caught:
        emitter("kubernetes:!", nowhere)
    for part in ("NAMESPACE/NAME#KEY", "KUBERNETES_API_URL", "KUBERNETES_TOKEN"):
        assert part in str(caught.value)
    assert str(caught.value).count("kubernetes: ") == 2


# In a pod


class Pod:
    """What a pod has: variables, and a folder with the token of its account."""

    def __init__(self, folder: Path, authority: Authority, place: KubernetesHarness) -> None:
        self.place = place
        self.account = folder / "account"
        self.account.mkdir()
        (self.account / "token").write_text(place.token)
        (self.account / "ca.crt").write_bytes(authority.ca_file.read_bytes())
        parts = urlsplit(place.server.url)
        self.environ = {
            "KUBERNETES_SERVICE_HOST": str(parts.hostname),
            "KUBERNETES_SERVICE_PORT": str(parts.port),
            "KUBERNETES_SERVICE_ACCOUNT_DIR": str(self.account),
        }

    def sink(self, **more: str) -> Sink:
        context = replace(self.place.context(), environ=self.environ | more)
        return emitter(self.place.text, context)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "cluster")


@pytest.fixture
def pod(tmp_path: Path, authority: Authority) -> Iterator[Pod]:
    with KubernetesHarness(tls=authority.issue()) as place:
        yield Pod(tmp_path, authority, place)


def test_a_pod_uses_its_service_account_over_the_clusters_tls(pod: Pod) -> None:
    sink = pod.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert pod.place.read() == KEY != OLDER
    (pod.account / "token").unlink()
    with pytest.raises(SinkError, match="token cannot be read"):
        pod.sink()


def test_authorities_that_are_named_take_the_place_of_the_pods(
    pod: Pod, authority: Authority
) -> None:
    (pod.account / "ca.crt").unlink()
    with pytest.raises(SinkError, match="KUBERNETES_CA_FILE or --ca-file"):
        pod.sink()
    assert list(pod.sink(KUBERNETES_CA_FILE=str(authority.ca_file)).check()) == []


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"KUBERNETES_API_URL": "https://cluster.example.com"}, "KUBERNETES_TOKEN"),
        ({"KUBERNETES_TOKEN": "a-token"}, "KUBERNETES_API_URL"),
    ],
)
def test_a_pod_that_names_a_cluster_does_not_use_its_own(
    pod: Pod, given: dict[str, str], missing: str
) -> None:
    with pytest.raises(SinkError, match=f"kubernetes: these must be set .* {missing}"):
        pod.sink(**given)


@pytest.mark.parametrize("host", ["10.96.0.1", "fd00::1"])
def test_a_clusters_address_may_have_the_usual_port(pod: Pod, host: str) -> None:
    pod.environ["KUBERNETES_SERVICE_HOST"] = host
    assert pod.sink(KUBERNETES_SERVICE_PORT="").name == pod.place.sink().name
