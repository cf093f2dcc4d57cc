"""Secrets and parameters at Amazon; moto does the services' work."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused, written
from signotaur_action.model import Secret
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from support.providers.amazon_place import (
    KEY_ID,
    AmazonPlace,
    AwsParameterHarness,
    AwsSecretHarness,
)
from support.providers.exchange import Call, Drop, Reply, drop, fail
from support.providers.exchange import Fault as ServerFault
from support.providers.stores import NEIGHBOUR, OLDER
from support.sample_key import KEY
from support.tls import Authority

MAKES = {
    "secret": AwsSecretHarness,
    "field": partial(AwsSecretHarness, field="KEY"),
    "parameter": AwsParameterHarness,
}
THROTTLED = {"__type": "ThrottlingException", "message": "Rate exceeded"}
SHAPED = {"__type": "com.amazonaws.ssm#ThrottlingException", "Message": "Rate exceeded"}


@pytest.fixture(params=MAKES.values(), ids=list(MAKES))
def place(request: pytest.FixtureRequest) -> Iterator[AmazonPlace]:
    with request.param() as opened:
        yield opened


@pytest.fixture
def secret() -> Iterator[AwsSecretHarness]:
    with AwsSecretHarness() as opened:
        yield opened


@pytest.fixture
def member() -> Iterator[AwsSecretHarness]:
    with AwsSecretHarness(field="KEY") as opened:
        yield opened


@pytest.fixture
def parameter() -> Iterator[AwsParameterHarness]:
    with AwsParameterHarness() as opened:
        yield opened


# All of them


def test_a_key_takes_the_older_ones_place_and_is_read_back(place: AmazonPlace) -> None:
    sink = place.sink()
    assert list(sink.check()) == []
    assert sink.read_back() == Secret(OLDER)
    assert written(place) == []
    sink.deliver(delivery(KEY))
    assert place.read() == KEY
    assert sink.read_back() == Secret(KEY)


def test_delivering_again_makes_no_second_version(place: AmazonPlace) -> None:
    place.sink().deliver(delivery(KEY))
    once = place.held()
    place.sink().deliver(delivery(KEY))
    assert place.held() == once


def _lost(fault: ServerFault, call: Call) -> Reply | Drop | None:
    """Commit a fault upon a call that carries the key."""
    return fault(call) if KEY.encode() in call.body else None


def test_an_answer_that_was_lost_makes_no_second_version_of_a_secret(
    secret: AwsSecretHarness, member: AwsSecretHarness
) -> None:
    for place in (secret, member):
        before = len(place.versions)
        place.server.faults.append(partial(_lost, drop("POST", "/", after=True)))
        place.sink().deliver(delivery(KEY))
        assert place.read() == KEY
        assert len(place.versions) == before + 1
        assert written(place) == ["POST"] * 2


def test_neither_secret_is_sent_and_the_session_is_in_its_header_alone(place: AmazonPlace) -> None:
    sink = place.sink()
    sink.check()
    sink.deliver(delivery(KEY))
    for request in place.server.requests:
        everything = f"{request.path} {request.headers} {request.body.decode()}"
        assert place.token not in everything
        assert everything.count(place.session) == 1
        assert request.headers["x-amz-security-token"] == place.session


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_wrong_credentials_are_refused_before_anything_is_written(
    place: AmazonPlace, variable: str
) -> None:
    wrong: dict[str, Any] = {variable: "another-one-AAAAAAAAAAAA"}
    fault = refused(place, **wrong)
    assert "refuses the token (400: InvalidSignatureException" in fault.what


def test_credentials_that_end_between_check_and_delivery(place: AmazonPlace) -> None:
    sink = place.sink()
    sink.check()
    place.revoke()
    assert "UnrecognizedClientException" in not_delivered(place, sink).what
    place.grant()
    sink.deliver(delivery(KEY))
    assert place.read() == KEY


def test_without_the_right_to_write_nothing_is_delivered(place: AmazonPlace) -> None:
    place.server.denied |= {"PutSecretValue", "PutParameter"}
    said = not_delivered(place).what
    assert "AccessDeniedException" in said
    assert "it needs " in said


@pytest.mark.parametrize("body", [THROTTLED, SHAPED])
def test_a_throttled_call_is_sent_again(place: AmazonPlace, body: dict[str, str]) -> None:
    sink = place.sink()
    place.server.faults.append(fail("POST", "", 400, body=body, times=2))
    sink.deliver(delivery(KEY))
    assert place.read() == KEY
    assert place.clock.slept == [2.0, 2.0]


def test_a_limit_that_does_not_end_is_told(place: AmazonPlace) -> None:
    place.server.faults.append(fail("POST", "", 400, body=THROTTLED, times=ALWAYS))
    assert "rate limit lasts until" in not_delivered(place, seconds=1).what


def test_a_refusal_never_tells_the_key(place: AmazonPlace) -> None:
    def repeat(call: Call) -> Reply | None:
        if KEY.encode() not in call.body:
            return None
        said = f"bad: {call.body.decode()} {call.headers['x-amz-security-token']}"
        return Reply(400, {"__type": "ValidationException", "message": said})

    place.server.faults.append(repeat)
    said = not_delivered(place).what
    assert place.session not in said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"__type": "ValidationException", "message": "no"}, "400: ValidationException: no."),
        ({"__type": "a.b#ValidationException", "Message": "no"}, "400: ValidationException: no."),
        ({"__type": "ValidationException"}, "400: ValidationException."),
        ({"message": "no"}, "400: no."),
        ({"Error": {}}, "400: it gave no reason."),
        ({"Error": "no"}, "400: it gave no reason."),
    ],
)
def test_a_refusal_is_reported_in_the_services_words(
    place: AmazonPlace, body: dict[str, Any], said: str
) -> None:
    place.server.faults.append(fail("POST", "", 400, body=body, times=ALWAYS))
    assert refused(place).what.endswith(said)
    assert not_delivered(place).what.endswith(said)


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"])
@pytest.mark.parametrize("text", ["", " "])
def test_what_is_missing_is_told(place: AmazonPlace, missing: str, text: str) -> None:
    with pytest.raises(SinkError, match=missing):
        place.sink(**{missing: text})


def test_all_credentials_that_are_missing_are_told(place: AmazonPlace) -> None:
    with pytest.raises(SinkError) as caught:
        place.sink(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert str(caught.value) == (
        f"{place.text.partition(':')[0]}: these must be set in the environment: AWS_ACCESS_KEY_ID "
        "and AWS_SECRET_ACCESS_KEY, the credentials of a role or a user; or AWS_ROLE_ARN and an ID "
        "token"
    )


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("text", ["two words", "with\nline", "ünseen"])
def test_credentials_that_no_header_carries_are_a_fault(
    place: AmazonPlace, variable: str, text: str
) -> None:
    more: dict[str, Any] = {variable: text}
    with pytest.raises(SinkError, match=f": {variable} contains characters") as caught:
        place.sink(**more)
    assert text not in str(caught.value)


def test_spaces_around_credentials_are_ignored(place: AmazonPlace) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
    padded: dict[str, Any] = {name: f" {place.environ[name]}\n" for name in names}
    assert list(place.sink(**padded).check()) == []


def test_another_variable_or_the_argument_names_the_region(place: AmazonPlace) -> None:
    named: dict[str, Any] = {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-2"}
    assert place.sink(**named).name.endswith("region us-east-2")
    assert place.sink(AWS_DEFAULT_REGION="us-east-2").name.endswith("region eu-central-1")
    assert place.sink(f"{place.text},region=us-west-1").name.endswith("region us-west-1")


@pytest.mark.parametrize("region", ["europe", "eu-central-1.evil.example", "x/y", "eu-central-1@a"])
def test_a_region_that_would_lead_elsewhere_is_a_fault(place: AmazonPlace, region: str) -> None:
    with pytest.raises(SinkError, match="region"):
        place.sink(f"{place.text},region={region}")


@pytest.mark.parametrize("text", ["", "two words", "a#b", "a,colour=red", "a,region=", "ü"])
@pytest.mark.parametrize("kind", ["aws-secret", "aws-parameter"])
def test_a_destination_that_is_written_wrongly_is_a_fault(kind: str, text: str) -> None:
    with AwsSecretHarness(new=True) as place, pytest.raises(SinkError, match=kind):
        emitter(f"{kind}:{text}", place.context())


def test_the_services_own_address_is_taken_before_the_common_one(place: AmazonPlace) -> None:
    elsewhere = "https://127.0.0.1:9"
    common: dict[str, Any] = {place.address_variable: "", "AWS_ENDPOINT_URL": place.server.url}
    assert list(place.sink(**common).check()) == []
    assert list(place.sink(AWS_ENDPOINT_URL=elsewhere).check()) == []


def test_long_lived_credentials_need_no_session(secret: AwsSecretHarness) -> None:
    secret.server.add_caller(KEY_ID, secret.token)
    secret.sink(AWS_SESSION_TOKEN="").deliver(delivery(KEY))
    assert secret.read() == KEY


def test_the_bundle_of_authorities_is_trusted(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"), "The company's own authority")
    with AwsSecretHarness(tls=authority.issue()) as place:
        place.sink(AWS_CA_BUNDLE=str(authority.ca_file)).deliver(delivery(KEY))
        assert place.read() == KEY


# Secrets


def test_a_version_has_the_rotations_id(secret: AwsSecretHarness) -> None:
    given = delivery(KEY)
    secret.sink().deliver(given)
    assert str(given.rotation_id) in secret.versions


def test_a_secret_that_is_missing_is_refused() -> None:
    with AwsSecretHarness(new=True) as place:
        assert "there is no such secret in eu-central-1" in refused(place).what


def test_a_secret_that_will_be_deleted_is_refused(secret: AwsSecretHarness) -> None:
    secret.ask("DeleteSecret", RecoveryWindowInDays=7)
    assert "scheduled for deletion" in refused(secret).what


def test_without_the_right_to_read_the_version_is_the_proof(secret: AwsSecretHarness) -> None:
    secret.server.denied.add("GetSecretValue")
    sink = secret.sink()
    [concern] = sink.check()
    assert "cannot be read" in concern
    sink.deliver(delivery(KEY))
    assert sink.read_back() is None
    assert secret.read() == KEY


@pytest.mark.parametrize("answer", [{}, {"VersionId": "another"}])
def test_an_answer_without_the_version_is_no_proof(
    secret: AwsSecretHarness, answer: dict[str, str]
) -> None:
    secret.server.faults.append(fail("POST", "", 200, body=answer))
    assert "did not return the version" in not_delivered(secret).what


@pytest.mark.parametrize("stages", [{}, {"VersionStages": []}, {"VersionStages": ["AWSCURRENT"]}])
def test_the_version_is_the_proof_where_no_other_one_is_current(
    secret: AwsSecretHarness, stages: dict[str, list[str]]
) -> None:
    given = delivery(KEY)
    body = {"VersionId": str(given.rotation_id), **stages}
    secret.server.faults.append(fail("POST", "", 200, body=body))
    secret.sink().deliver(given)


def test_a_version_that_somebody_replaced_is_no_proof(secret: AwsSecretHarness) -> None:
    given = delivery(KEY)
    body = {"VersionId": str(given.rotation_id), "VersionStages": ["AWSPREVIOUS"]}
    secret.server.faults.append(fail("POST", "", 200, body=body))
    assert "no longer the current one" in not_delivered(secret).what


@pytest.mark.parametrize("field", ["", "KEY"])
def test_a_secret_that_has_no_value_yet_gets_one(field: str) -> None:
    with AwsSecretHarness(new=True, field=field) as place:
        place.server.ask("secretsmanager.CreateSecret", Name=place.name)
        sink = place.sink()
        concerns = [f"{sink.name}: the secret does not have this field yet; it will be added."]
        assert list(sink.check()) == (concerns if field else [])
        assert sink.read_back() is None
        sink.deliver(delivery(KEY))
        assert place.read() == KEY


# Fields


def test_a_field_needs_the_right_to_read(member: AwsSecretHarness) -> None:
    member.server.denied.add("GetSecretValue")
    assert "secretsmanager:GetSecretValue" in refused(member).what


def test_other_members_are_written_as_they_were(member: AwsSecretHarness) -> None:
    others = {"PASSWORD": NEIGHBOUR, "n": 2**70, "f": 0.1, "none": None, "deep": {"l": [1, 'ü\n"']},
              "TOKEN": member.token}  # fmt: skip
    member.put_text(json.dumps({**others, "KEY": OLDER}))
    member.sink().deliver(delivery(KEY))
    assert json.loads(member.held()[0]) == {**others, "KEY": KEY}


def test_two_fields_of_one_secret_take_the_key_of_one_rotation(member: AwsSecretHarness) -> None:
    for text in (member.text, f"aws-secret:{member.name},field=OTHER"):
        member.sink(text).deliver(delivery(KEY))
    assert json.loads(member.held()[0]) == {"PASSWORD": NEIGHBOUR, "KEY": KEY, "OTHER": KEY}


def test_a_field_that_is_missing_is_told(member: AwsSecretHarness) -> None:
    [concern] = member.sink(f"aws-secret:{member.name},field=OTHER").check()
    assert "does not have this field yet" in concern


@pytest.mark.parametrize("text", ["no JSON", "[1]", '"text"', "17", "[" * 30_000])
def test_a_secret_without_fields_is_refused(member: AwsSecretHarness, text: str) -> None:
    member.put_text(text)
    assert "not a JSON object" in refused(member).what
    assert "not a JSON object" in not_delivered(member).what


def test_a_refusal_never_tells_another_field(member: AwsSecretHarness) -> None:
    def repeat(call: Call) -> Reply | None:
        if KEY.encode() not in call.body:
            return None
        return Reply(400, {"__type": "InvalidRequestException", "message": call.body.decode()})

    member.server.faults.append(repeat)
    assert NEIGHBOUR not in not_delivered(member).what


def test_a_refusal_hides_the_other_fields_however_deep_they_are(member: AwsSecretHarness) -> None:
    deep = "another-password-of-somebody"
    member.put_text(json.dumps({"PASSWORD": NEIGHBOUR, "deep": [{"of": deep}], "KEY": OLDER}))

    def repeat(call: Call) -> Reply | None:
        said = {"__type": "InvalidRequestException", "message": f"no: {NEIGHBOUR} {deep}"}
        return Reply(400, said) if KEY.encode() in call.body else None

    member.server.faults.append(repeat)
    assert "InvalidRequestException: no: *** ***" in not_delivered(member).what


def test_a_number_that_would_change_is_not_written(member: AwsSecretHarness) -> None:
    member.put_text('{"n": 1e999, "KEY": "older"}')
    said = "another field is a number that is too large to be written back"
    assert said in refused(member).what
    assert said in not_delivered(member).what


@pytest.mark.parametrize("value", [17, "", None, ["text"]])
def test_a_field_that_is_not_text_is_not_a_key(member: AwsSecretHarness, value: object) -> None:
    member.put_text(json.dumps({"PASSWORD": NEIGHBOUR, "KEY": value}))
    assert member.sink().read_back() is None
    member.sink().deliver(delivery(KEY))
    assert member.read() == KEY


# Parameters


def test_a_parameter_that_is_missing_is_told_and_made() -> None:
    with AwsParameterHarness(new=True) as place:
        sink = place.sink()
        [concern] = sink.check()
        assert concern == f"{sink.name} does not exist yet; it will be created."
        sink.deliver(delivery(KEY))
        found = place.held()
        assert (found["Value"], found["Type"]) == (KEY, "SecureString")


def test_the_kms_key_of_a_parameter_stays(parameter: AwsParameterHarness) -> None:
    """A write that names none would take the account's default one."""
    parameter.sink().deliver(delivery(KEY))
    assert parameter.held()["KeyId"] == parameter.kms_key


def test_another_kms_key_is_taken_when_it_is_named(parameter: AwsParameterHarness) -> None:
    parameter.sink(f"{parameter.text},key=alias/other").deliver(delivery(KEY))
    assert parameter.held()["KeyId"] == "alias/other"


def test_a_kms_key_that_may_not_be_known_is_told(parameter: AwsParameterHarness) -> None:
    parameter.server.denied.add("DescribeParameters")
    sink = parameter.sink()
    [concern] = sink.check()
    assert concern.startswith(f"{sink.name}: ssm:DescribeParameters is not allowed")
    assert "the account's default KMS key" in concern
    assert parameter.sink(f"{parameter.text},key=alias/signing").check() == []


def test_the_tier_of_a_parameter_stays(parameter: AwsParameterHarness) -> None:
    """An advanced one cannot become a standard one: Amazon would refuse the write."""
    parameter.put_parameter(OLDER, Type="SecureString", KeyId=parameter.kms_key, Tier="Advanced")
    parameter.sink().deliver(delivery(KEY))
    [request] = [each for each in parameter.server.requests if KEY.encode() in each.body]
    assert request.json["Tier"] == "Advanced"


def test_a_parameter_may_be_named_by_its_arn(parameter: AwsParameterHarness) -> None:
    arn = f"arn:aws:ssm:eu-central-1:123456789012:parameter/{parameter.name}"
    parameter.sink(f"aws-parameter:{arn}").deliver(delivery(KEY))
    [request] = [each for each in parameter.server.requests if KEY.encode() in each.body]
    assert (request.json["Name"], request.json["KeyId"]) == (arn, parameter.kms_key)


@pytest.mark.parametrize("kind", ["String", "StringList"])
def test_a_parameter_that_is_not_encrypted_is_refused(kind: str) -> None:
    with AwsParameterHarness(new=True) as place:
        place.put_parameter(OLDER, Type=kind)
        assert "not a SecureString" in refused(place).what
        assert "not a SecureString" in not_delivered(place).what


def test_a_parameter_that_may_not_be_read_is_proved_by_its_version(
    parameter: AwsParameterHarness,
) -> None:
    parameter.server.denied.add("GetParameter")
    sink = parameter.sink()
    [concern] = sink.check()
    assert "cannot be read" in concern
    sink.deliver(delivery(KEY))
    assert sink.read_back() is None
    assert parameter.read() == KEY


@pytest.mark.parametrize("answer", [{}, {"Version": 0}, {"Version": "3"}])
def test_an_answer_without_a_version_is_no_proof(
    parameter: AwsParameterHarness, answer: dict[str, object]
) -> None:
    def unproved(call: Call) -> Reply | None:
        return Reply(200, answer) if KEY.encode() in call.body else None

    parameter.server.faults.append(unproved)
    expected = ": AWS SSM did not return the version of the parameter."
    assert not_delivered(parameter).what.endswith(expected)
