"""A job without a key of Amazon's: its ID token makes it a role, in moto's token service."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS
from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.sinks.base import SinkError
from signotaur_action.sinks.stores.aws_access import aws_access
from support.providers.amazon import AUDIENCE, ROLE
from support.providers.amazon_place import (
    AWS_CREDENTIALS,
    KEY_ID,
    AwsJob,
    AwsParameterHarness,
    AwsSecretHarness,
)
from support.providers.exchange import Call, Reply, fail
from support.providers.id_tokens import IdTokens, claims_of
from support.sample_key import KEY


@pytest.fixture(params=[AwsSecretHarness, AwsParameterHarness], ids=["secret", "parameter"])
def job(request: pytest.FixtureRequest) -> Iterator[AwsJob]:
    with request.param() as place, IdTokens() as issuer:
        yield AwsJob(place, issuer)


def delivers(job: AwsJob, sink: Sink) -> None:
    """The key arrives with one sign-in, and all that the run was given is masked."""
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)
    assert job.place.read() == KEY
    assert job.sign_ins == 1
    [(secret_key, session)] = job.place.server.callers.values()
    assert {secret_key, session} <= set(job.masked)
    for request in job.place.server.requests:
        assert secret_key not in f"{request.path} {request.headers} {request.body.decode()}"


def test_a_job_of_github_signs_in_with_its_id_token(job: AwsJob) -> None:
    delivers(job, job.sink())
    [token] = job.issuer.issued
    assert claims_of(token)["aud"] == AUDIENCE
    assert token in job.masked


def test_a_job_of_gitlab_has_its_id_token_in_a_variable(job: AwsJob) -> None:
    delivers(job, job.sink(AWS_ID_TOKEN=job.issuer.token(AUDIENCE)))
    assert job.issuer.issued == []


def test_a_pod_has_its_id_token_in_a_file(job: AwsJob, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(job.issuer.token("", aud=[AUDIENCE]) + "\n")
    delivers(job, job.sink(AWS_WEB_IDENTITY_TOKEN_FILE=str(file)))
    assert job.issuer.issued == []
    file.unlink()
    assert f"{file} cannot be read" in job.refused(AWS_WEB_IDENTITY_TOKEN_FILE=str(file))


def test_a_key_of_the_environment_is_used_before_the_role(job: AwsJob) -> None:
    job.place.grant()
    sink = job.sink(**{name: job.place.environ[name] for name in AWS_CREDENTIALS})
    assert list(sink.check()) == []
    assert job.sign_ins == 0
    assert KEY_ID in job.place.server.requests[0].headers["authorization"]


def test_the_session_has_the_name_that_is_asked_for(job: AwsJob) -> None:
    job.sink(AWS_ROLE_SESSION_NAME="rotation@acme").check()
    assert b"RoleSessionName=rotation%40acme&" in job.place.server.requests[0].body


def test_a_session_that_ends_between_check_and_delivery_is_made_again(job: AwsJob) -> None:
    sink = job.sink()
    sink.check()
    job.place.revoke()
    sink.deliver(delivery(KEY))
    assert job.place.read() == KEY
    assert job.sign_ins == 2


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-central-1", "https://sts.eu-central-1.amazonaws.com"),
        ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_token_service_is_that_of_the_region(region: str, url: str) -> None:
    assert aws_access("sts", "STS", region, {}).default_url == url


# What is refused, before anything is rotated


def test_another_job_is_refused(job: AwsJob) -> None:
    job.issuer.claims["sub"] = "repo:acme/other:environment:signing"
    said = job.refused()
    assert "AWS STS refuses the token (403: AccessDenied: Not authorized to perform" in said
    assert f"it needs a role {ROLE} that trusts this job" in said
    assert "AWS_ROLE_ARN" in said


def test_a_token_for_somebody_else_is_sent_to_nobody(job: AwsJob) -> None:
    both = job.issuer.token("", aud=[AUDIENCE, "https://other.example.com"])
    for token in (job.issuer.token("https://other.example.com"), both):
        said = job.refused(AWS_ID_TOKEN=token)
        assert f"must be for the audience {AUDIENCE} alone" in said
        assert token not in said
    assert job.sign_ins == 0


def test_a_token_that_has_ended_is_refused(job: AwsJob) -> None:
    said = job.refused(AWS_ID_TOKEN=job.issuer.token(AUDIENCE, exp=1_700_000_000))
    assert "AWS STS refuses the token (400: ExpiredTokenException" in said


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"AssumeRoleWithWebIdentityResponse": []},
        {
            "AssumeRoleWithWebIdentityResponse": {
                "AssumeRoleWithWebIdentityResult": {
                    "Credentials": {"AccessKeyId": "A", "SecretAccessKey": "b"}
                }
            }
        },
        {
            "AssumeRoleWithWebIdentityResponse": {
                "AssumeRoleWithWebIdentityResult": {
                    "Credentials": {
                        "AccessKeyId": "A",
                        "SecretAccessKey": "b\r\n",
                        "SessionToken": "",
                    }
                }
            }
        },
    ],
)
def test_an_answer_without_credentials_is_refused(job: AwsJob, answer: object) -> None:
    job.place.server.faults.append(fail("POST", "", 200, body=answer))
    assert "AWS STS returned no credentials" in job.refused()


def test_an_answer_that_is_not_json_is_refused(job: AwsJob) -> None:
    def answer(_: Call) -> Reply:
        return Reply(200, b"<AssumeRoleWithWebIdentityResponse/>", {"Content-Type": "text/xml"})

    job.place.server.faults.append(answer)
    assert "text/xml, which is not an answer from AWS STS" in job.refused()


def test_a_refusal_never_repeats_the_id_token(job: AwsJob) -> None:
    def repeat(call: Call) -> Reply:
        told = f"no: {job.issuer.issued[-1]} {call.body.decode()}"
        return Reply(400, {"Error": {"Code": "InvalidIdentityToken", "Message": told}})

    job.place.server.faults.append(repeat)
    assert "InvalidIdentityToken: no: ***" in job.refused()


def test_the_shortest_session_is_asked_for(job: AwsJob) -> None:
    job.sink().check()
    [asked] = [each for each in job.place.server.requests if b"WebIdentityToken" in each.body]
    form = parse_qs(asked.body.decode())
    assert (form["Version"], form["DurationSeconds"]) == (["2011-06-15"], ["900"])
    assert form["RoleSessionName"] == ["signotaur-action"]


def test_an_issuer_that_amazon_cannot_reach_is_waited_for(job: AwsJob) -> None:
    error = {"Error": {"Code": "IDPCommunicationError", "Message": "try again"}}
    job.place.server.faults.append(fail("POST", "", 400, body=error, times=2))
    assert list(job.sink().check()) == []
    assert job.place.clock.slept == [2.0, 2.0]


def test_a_token_service_that_is_down_is_reported(job: AwsJob) -> None:
    job.place.server.faults.append(fail("POST", "", 503, times=ALWAYS))
    assert "503" in job.refused()
    assert job.place.server.calls()[0].body.startswith(b"Action=AssumeRoleWithWebIdentity")


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "needs an ID token"),
        ({"AWS_ROLE_ARN": ""}, "or AWS_ROLE_ARN and an ID token"),
        ({"AWS_ROLE_ARN": "rotation"}, "AWS_ROLE_ARN: the value must be a role"),
        ({"AWS_ROLE_SESSION_NAME": "two words"}, "AWS_ROLE_SESSION_NAME"),
        ({"AWS_ENDPOINT_URL_STS": "ftp://sts"}, "AWS_ENDPOINT_URL_STS"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "needs region="),
    ],
)
def test_an_identity_that_cannot_be_is_a_fault(
    job: AwsJob, environ: dict[str, str], fault: str
) -> None:
    with pytest.raises(SinkError, match=fault):
        job.sink(**environ)
    assert job.place.server.requests == []
