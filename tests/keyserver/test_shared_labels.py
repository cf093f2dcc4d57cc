"""Several certificates behind one label, as a renewal leaves them: which signs, who is meant."""

from datetime import timedelta

import pytest

from keyserver.certs import YEAR, add, get_certificate, lasting, material, refused, sign
from keyserver.harness import ServerHarness
from signotaur_keyserver.domain.records import CertificateState
from signotaur_keyserver.service import certificates
from signotaur_keyserver.service.administration import AdministrationError

pytestmark = pytest.mark.both_databases

LABEL = "production"


def chosen(world: ServerHarness, key: str, **selectors: object) -> object:
    return get_certificate(world.now, key, **(selectors or {"label": LABEL}))["thumbprint"]


def renewed(world: ServerHarness) -> tuple[str, str]:
    """Add a certificate and the one that renews it; return their thumbprints."""
    old = add(world, LABEL, lasting(YEAR, name="old"))
    new = add(world, LABEL.upper(), lasting(2 * YEAR, name="new"))
    return old.thumbprint, new.thumbprint


def test_of_one_label_the_one_that_lasts_longest_signs(world: ServerHarness) -> None:
    key = world.key()
    old, new = renewed(world)
    assert chosen(world, key) == new
    assert sign(world.now, key, old)["result"] == 0


def test_one_that_is_not_valid_yet_does_not_sign(world: ServerHarness) -> None:
    key = world.key()
    old = add(world, LABEL, lasting(YEAR, name="old"))
    add(world, LABEL, lasting(2 * YEAR, since=timedelta(days=3), name="next"))
    assert chosen(world, key) == old.thumbprint


def test_a_disabled_certificate_never_signs(world: ServerHarness) -> None:
    key = world.key()
    old, new = renewed(world)
    certificates.set_certificate_enabled(world.database, "2", enabled=False)
    assert chosen(world, key) == old
    assert refused(sign(world.now, key, new)) == "The certificate is disabled."
    listed = certificates.list_certificates(world.database)
    assert listed[1].certificate.state(listed[1].now) is CertificateState.DISABLED
    certificates.set_certificate_enabled(world.database, "2", enabled=True)
    certificates.set_certificate_enabled(world.database, "2", enabled=True)
    assert chosen(world, key) == new
    assert sign(world.now, key, new)["result"] == 0
    assert len(world.events("certificate-disabled")) == 1
    assert len(world.events("certificate-enabled")) == 1


def test_a_label_whose_certificates_are_all_disabled_signs_nothing(world: ServerHarness) -> None:
    key = world.key()
    add(world, LABEL)
    certificates.set_certificate_enabled(world.database, LABEL, enabled=False)
    assert refused(get_certificate(world.now, key, label=LABEL)) == "The certificate is disabled."


def test_a_shared_label_names_none_of_them_to_a_person(world: ServerHarness) -> None:
    renewed(world)
    for act in (
        lambda: certificates.remove_certificate(world.database, LABEL),
        lambda: certificates.grant_access(world.database, LABEL, "ci"),
        lambda: certificates.revoke_access(world.database, LABEL, "ci"),
        lambda: certificates.export_certificate(world.database, LABEL, with_chain=False),
        lambda: certificates.set_certificate_enabled(world.database, LABEL, enabled=False),
    ):
        with pytest.raises(AdministrationError, match=r"several .* by id: 1, 2$"):
            act()
    certificates.remove_certificate(world.database, "1")
    assert certificates.remove_certificate(world.database, LABEL) == 2


def test_an_alias_names_one_of_them(world: ServerHarness) -> None:
    key = world.key()
    old, new = renewed(world)
    certificates.rename_certificate(world.database, "1", LABEL, "Prod-2026")
    assert chosen(world, key, label="prod-2026") == old
    assert chosen(world, key) == new
    assert certificates.remove_certificate(world.database, "prod-2026") == 1
    certificates.rename_certificate(world.database, "2", LABEL, "prod-2026")
    assert chosen(world, key, label="prod-2026") == new
    event = world.events("certificate-renamed")[-1]
    assert (event["data"]["label"], event["data"]["certificateId"]) == (LABEL, 2)


def test_an_alias_is_of_one_certificate_alone(world: ServerHarness) -> None:
    renewed(world)
    add(world, "other", material(name="third"))
    certificates.rename_certificate(world.database, "1", LABEL, "first")
    for name, label, alias in (
        ("2", LABEL, "FIRST"),
        ("2", LABEL, "other"),
        ("2", "first", None),
        ("2", LABEL, "7"),
        ("2", " x", None),
    ):
        with pytest.raises(AdministrationError):
            certificates.rename_certificate(world.database, name, label, alias)
    with pytest.raises(AdministrationError):
        add(world, "First", material(name="fourth"))
    assert len(world.events("certificate-renamed")) == 1
    certificates.rename_certificate(world.database, "1", "first", "first")
