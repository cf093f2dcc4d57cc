"""Credentials of Jenkins: of one kind, sent back as they were read, never read back."""

from collections.abc import Iterator

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused, written
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import after, before, fail
from support.providers.jenkins import SECRET_TEXT, JenkinsHarness, Token
from support.providers.stores import NAME, OLDER
from support.sample_key import KEY


@pytest.fixture
def jenkins() -> Iterator[JenkinsHarness]:
    with JenkinsHarness() as place:
        yield place


@pytest.fixture
def new_jenkins() -> Iterator[JenkinsHarness]:
    with JenkinsHarness(new=True) as place:
        yield place


# What is written


def test_scope_and_description_stay(jenkins: JenkinsHarness) -> None:
    before = jenkins.held()
    jenkins.sink().deliver(delivery(KEY))
    assert jenkins.held().split() == before.replace(OLDER, KEY).split()


def test_a_new_credential_is_for_jobs(new_jenkins: JenkinsHarness) -> None:
    new_jenkins.sink().deliver(delivery(KEY))
    made = new_jenkins.held()
    assert made.startswith(f"<{SECRET_TEXT}>")
    assert "<scope>GLOBAL</scope>" in made
    assert new_jenkins.read() == KEY


@pytest.mark.parametrize("key", ["<&>]]>&amp;-of-16-and-more", "{AQAAABAAAA='\"}-0123456789"])
def test_every_character_of_a_key_arrives(jenkins: JenkinsHarness, key: str) -> None:
    jenkins.sink().deliver(delivery(key))
    assert jenkins.read() == key


@pytest.mark.parametrize("folder", ["", "team", "team/my product"])
def test_a_folder_and_a_domain_have_credentials_of_their_own(folder: str) -> None:
    with JenkinsHarness(folder=folder, domain="signing" if folder else "_") as place:
        sink = place.sink()
        assert list(sink.check()) == []
        sink.deliver(delivery(KEY))
        assert place.read() == KEY
        assert place.server.domains["", "_"].keys() == (set() if folder else {NAME})
        assert not folder or f"folder {folder}, domain signing" in sink.name


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_a_description_in_another_language_stays(jenkins: JenkinsHarness, charset: str) -> None:
    credentials = jenkins.server.domains[jenkins.place]
    credentials[NAME] = credentials[NAME].replace("for &lt;signing&gt;", "für Prüfungen")
    jenkins.server.charset = charset
    jenkins.sink().deliver(delivery(KEY))
    assert "<description>für Prüfungen</description>" in jenkins.held()
    assert jenkins.read() == KEY


# Forged requests


def test_a_password_needs_a_crumb_of_the_same_session(jenkins: JenkinsHarness) -> None:
    jenkins.server.tokens[jenkins.token] = Token(password=True)
    jenkins.sink().deliver(delivery(KEY))
    assert jenkins.read() == KEY


def test_a_jenkins_without_crumbs_gets_none(jenkins: JenkinsHarness) -> None:
    jenkins.server.crumbs = False
    jenkins.sink().deliver(delivery(KEY))
    [request] = jenkins.server.calls("POST")
    assert "jenkins-crumb" not in request.headers


@pytest.mark.parametrize(
    "said",
    [
        {"crumb": "a", "crumbRequestField": "Authorization"},
        {"crumb": "a\r\nX: y", "crumbRequestField": "Jenkins-Crumb"},
        {"crumb": 3, "crumbRequestField": ".crumb"},
        {},
    ],
)
def test_a_crumb_of_another_form_is_not_sent(
    jenkins: JenkinsHarness, said: dict[str, object]
) -> None:
    jenkins.server.faults.append(fail("GET", "crumbIssuer", 200, body=said))
    assert "Jenkins returned no crumb" in not_delivered(jenkins).what


# What others do meanwhile


def test_a_credential_that_is_made_meanwhile_is_changed(new_jenkins: JenkinsHarness) -> None:
    new_jenkins.server.faults.append(before("POST", "", lambda: new_jenkins.put(OLDER)))
    new_jenkins.sink().deliver(delivery(KEY))
    assert "<scope>SYSTEM</scope>" in new_jenkins.held(), "it is as the other one made it"
    assert new_jenkins.read() == KEY


def test_a_credential_that_is_removed_meanwhile_is_made_again(jenkins: JenkinsHarness) -> None:
    credentials = jenkins.server.domains[jenkins.place]
    jenkins.server.faults.append(before("POST", "", credentials.clear))
    jenkins.sink().deliver(delivery(KEY))
    assert jenkins.read() == KEY


def test_a_credential_that_is_not_there_afterwards_is_reported(new_jenkins: JenkinsHarness) -> None:
    credentials = new_jenkins.server.domains[new_jenkins.place]
    new_jenkins.server.faults.append(after("POST", "", credentials.clear))
    assert "does not show the credential" in not_delivered(new_jenkins).what


def test_another_server_than_jenkins_proves_nothing(jenkins: JenkinsHarness) -> None:
    jenkins.server.faults.append(fail("POST", "", 200, body=b"", times=ALWAYS))
    assert "something answered that is not Jenkins" in not_delivered(jenkins).what


# What is refused


def test_another_kind_of_credential_is_not_replaced(jenkins: JenkinsHarness) -> None:
    other = "com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl"
    jenkins.server.domains[jenkins.place][NAME] = f"<{other}><password>x</password></{other}>"
    assert 'not of the kind "Secret text"' in refused(jenkins).what
    not_delivered(jenkins)


@pytest.mark.parametrize(
    "xml",
    [
        "",
        f"<{SECRET_TEXT}></{SECRET_TEXT}>",
        f"<{SECRET_TEXT}>{'<secret><secret-redacted/></secret>' * 2}</{SECRET_TEXT}>",
        f"<{SECRET_TEXT}Other><secret><secret-redacted/></secret></{SECRET_TEXT}Other>",
        f"<!DOCTYPE a [<!ENTITY b 'c'>]><{SECRET_TEXT}>&b;</{SECRET_TEXT}>",
    ],
)
def test_xml_of_another_form_is_never_sent_back(jenkins: JenkinsHarness, xml: str) -> None:
    how = {"Content-Type": "application/xml"}
    jenkins.server.faults.append(
        fail("GET", "config.xml", 200, body=xml.encode(), headers=how, times=ALWAYS)
    )
    refused(jenkins)
    not_delivered(jenkins)
    assert written(jenkins) == []


@pytest.mark.parametrize("lacking", ["Update", "Create"])
def test_a_right_that_is_missing_is_found_by_the_delivery(
    jenkins: JenkinsHarness, new_jenkins: JenkinsHarness, lacking: str
) -> None:
    place = jenkins if lacking == "Update" else new_jenkins
    place.server.tokens[place.token] = Token({"View", "Create", "Update"} - {lacking})
    sink = place.sink()
    sink.check()
    said = not_delivered(place, sink).what
    assert f"403: the user lacks the permission {lacking} of Credentials" in said
    assert "it needs the permissions View, Create and Update of Credentials there" in said


def test_a_user_who_sees_no_credentials_is_refused(jenkins: JenkinsHarness) -> None:
    jenkins.server.tokens[jenkins.token] = Token(set())
    assert "the user lacks the permission View of Credentials" in refused(jenkins).what


def test_a_permission_header_of_another_form_is_not_shown(jenkins: JenkinsHarness) -> None:
    headers = {"X-Required-Permission": f"{jenkins.token} {KEY}"}
    jenkins.server.faults.append(fail("", "", 403, body=b"no", headers=headers, times=ALWAYS))
    assert "403: it gave no reason" in refused(jenkins).what
    assert "403: it gave no reason" in not_delivered(jenkins).what


@pytest.mark.parametrize("more", [",folder=other", ",domain=other", ",folder=team,domain=other"])
def test_a_folder_or_domain_that_does_not_exist_is_refused(
    jenkins: JenkinsHarness, more: str
) -> None:
    jenkins.server.domains["team", "_"] = {}
    said = refused(jenkins, jenkins.sink(f"jenkins-credential:{NAME}{more}")).what
    assert "refuses the token (404" in said


@pytest.mark.parametrize(
    "text", ["", "a/b", "ä", f"{NAME},folder=/a", f"{NAME},folder=a//b", f"{NAME},domain=a/b"]
)
def test_a_place_that_cannot_be_is_a_fault(jenkins: JenkinsHarness, text: str) -> None:
    with pytest.raises(SinkError, match="the value must be"):
        jenkins.sink(f"jenkins-credential:{text}")


@pytest.mark.parametrize("user", ["", "a:b", "a\nb"])
def test_a_user_is_needed(jenkins: JenkinsHarness, user: str) -> None:
    with pytest.raises(SinkError, match="JENKINS_USER_ID must be the user"):
        jenkins.sink(JENKINS_USER_ID=user)


def test_a_job_tells_the_address(jenkins: JenkinsHarness) -> None:
    sink = jenkins.sink(JENKINS_SERVER_URL="", JENKINS_URL=f"{jenkins.server.url}/")
    assert list(sink.check()) == []
