"""The pages of certificates: who sees which, and what administrators change."""

import pytest

from keyserver.certs import YEAR, add, get_certificate, lasting
from keyserver.harness import problem
from signotaur_wire.roles import AUDITOR, ROTATOR
from web.pages import Pages, Visitor, fault_of, text_of

pytestmark = pytest.mark.both_databases


def renewed(pages: Pages) -> tuple[Visitor, Visitor]:
    """Two certificates behind one label; return the user ci, and an administrator."""
    user = pages.signed_in(pages.add_person("ci", ROTATOR))
    add(pages.world, "production", lasting(YEAR, name="old"))
    add(pages.world, "production", lasting(2 * YEAR, name="new"))
    return user, pages.administrator()


def test_two_certificates_behind_one_label(pages: Pages) -> None:
    user, root = renewed(pages)
    key = pages.world.key()
    told = root.call("GET", "/api/v1/certificates").json()["certificates"]
    assert [each["signsForLabel"] for each in told] == [False, True]
    assert (
        get_certificate(pages.world.now, key, label="production")["thumbprint"]
        == (told[1]["thumbprint"])
    )
    root.get("/certificates/2")
    assert root.post("/certificates/2/state").status_code == 303
    assert (
        get_certificate(pages.world.now, key, label="production")["thumbprint"]
        == (told[0]["thumbprint"])
    )
    assert text_of(user.get("/certificates")).count("signs for this label") == 1
    root.post("/certificates/2/state", {"enabled": "on"})
    assert root.call("GET", "/api/v1/certificates").json()["certificates"] == told


def test_a_user_sees_only_what_it_may_sign_with(pages: Pages) -> None:
    user, root = renewed(pages)
    stranger = pages.signed_in(pages.add_person("other"))
    auditor = pages.signed_in(pages.add_person("auditor", AUDITOR))
    assert "You may not sign with any certificate" in text_of(stranger.get("/certificates"))
    seen = user.call("GET", "/api/v1/certificates").json()["certificates"]
    assert [(each["id"], each["users"]) for each in seen] == [(1, []), (2, [])]
    audited = auditor.call("GET", "/api/v1/certificates").json()["certificates"]
    assert audited[0]["users"] == ["ci"]
    assert "/certificates/1" not in auditor.get("/certificates").text
    assert "/certificates/1" in root.get("/certificates").text


def test_names_are_changed_and_faults_shown(pages: Pages) -> None:
    _user, root = renewed(pages)
    root.get("/certificates/1")
    saved = root.post("/certificates/1", {"label": "release", "alias": "first"})
    assert saved.headers["Location"] == "/certificates/1"
    wrong = root.post("/certificates/2", {"label": "production", "alias": "FIRST"})
    assert fault_of(wrong, "alias").startswith("Another certificate")
    assert 'value="FIRST"' in wrong.text
    number = root.post("/certificates/2", {"label": "12", "alias": ""})
    assert fault_of(number, "label").startswith("A label must not be a number")
    body = {"label": "release", "alias": None}
    answer = root.call("PUT", "/api/v1/certificates/1", body).json()
    assert (answer["label"], answer["alias"]) == ("release", None)


def test_access_is_granted_and_ended(pages: Pages) -> None:
    _user, root = renewed(pages)
    pages.add_person("ada")
    root.get("/certificates/1")
    assert root.post("/certificates/1/users", {"user": "ada"}).status_code == 303
    assert fault_of(root.post("/certificates/1/users", {"user": "nobody"}), "user")
    path = "/api/v1/certificates/1/users/revocation"
    assert root.call("POST", path, {"user": "ci"}).json()["users"] == ["ada"]
    assert root.post("/certificates/1/users/revocation", {"user": "ada"}).status_code == 303
    assert "nobody else" in text_of(root.get("/certificates/1"))


def test_removing_asks_first(pages: Pages) -> None:
    _user, root = renewed(pages)
    assert "cannot be undone" in text_of(root.get("/certificates/1/remove"))
    assert root.post("/certificates/1/remove").headers["Location"] == "/certificates"
    assert root.get("/certificates/1").status_code == 404
    assert root.call("DELETE", "/api/v1/certificates/2").status_code == 200
    assert problem(root.call("DELETE", "/api/v1/certificates/2")) == (404, "not-found")
    assert pages.world.events("certificate-removed")[0]["data"]["byUserId"] == 2
