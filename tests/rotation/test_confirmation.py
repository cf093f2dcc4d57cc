"""``confirm-rotation`` on the fake key service: every answer, word for word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest

from signotaur_action.errors import ServerError, SignotaurError, SupersededError
from signotaur_action.model import KeyInfo, OpenRotation, Rotation, RotationIntent, Secret
from signotaur_action.rotation import confirm
from signotaur_wire.messages import DestinationOutcome, RotationState
from support.fakes import FakeKeyService


@pytest.fixture
def service() -> FakeKeyService:
    return FakeKeyService()


@pytest.fixture
def old(service: FakeKeyService) -> Secret:
    return service.add_key()


@pytest.fixture
def opened(service: FakeKeyService, old: Secret) -> OpenRotation:
    return open_one(service, old, "run")


def open_one(service: FakeKeyService, old: Secret, holder: str) -> OpenRotation:
    intent = RotationIntent(
        uuid4(), service.new_key(), 7, auto_revoke=True, again=False, holder=holder
    )
    return service.open_rotation(old, intent)


@pytest.mark.parametrize("named", [True, False])
def test_the_new_key_confirms(
    service: FakeKeyService, opened: OpenRotation, *, named: bool
) -> None:
    done = confirm(service, opened.key, opened.rotation.id if named else None)
    assert done.rotation is not None
    assert done.rotation.state is RotationState.CONFIRMED
    assert (done.already, done.confirmed) == (False, True)
    assert done.key.id == done.new_key_id == opened.rotation.new_key_id
    assert done.old_key_id == opened.rotation.old_key_id
    assert service.calls[-1] == "confirm"


def test_a_confirmed_rotation_is_not_confirmed_again(
    service: FakeKeyService, opened: OpenRotation
) -> None:
    confirm(service, opened.key, opened.rotation.id)
    count = service.calls.count("confirm")
    done = confirm(service, opened.key, opened.rotation.id)
    assert (done.already, done.confirmed) == (True, True)
    assert done.rotation is not None
    assert service.calls.count("confirm") == count


def test_a_key_without_a_rotation_has_nothing_to_confirm(
    service: FakeKeyService, old: Secret
) -> None:
    done = confirm(service, old, None)
    assert (done.rotation, done.already, done.confirmed) == (None, False, False)
    assert (done.old_key_id, done.new_key_id) == (None, done.key.id)


def test_a_successor_was_confirmed_before(service: FakeKeyService, old: Secret) -> None:
    class Replacing(FakeKeyService):
        def describe(self, key: Secret) -> KeyInfo:
            return replace(service.describe(key), replaces=41, rotation=None)

    done = confirm(Replacing(), old, None)
    assert (done.rotation, done.already, done.confirmed) == (None, True, True)
    assert done.old_key_id == 41


def test_the_old_key_is_refused(service: FakeKeyService, old: Secret, opened: OpenRotation) -> None:
    with pytest.raises(SignotaurError) as caught:
        confirm(service, old, opened.rotation.id)
    ids = opened.rotation.old_key_id, opened.rotation.new_key_id
    assert caught.value.what == (
        "This is the old key (key {}). Only the new key, key {}, can confirm the rotation."
    ).format(*ids)
    assert caught.value.keys == (
        "The old and the new key both work, and the old key's revocation is not armed."
    )
    assert caught.value.next == "Give the new key, read from where it was stored."
    assert "confirm" not in service.calls


def test_another_rotations_id_is_refused(service: FakeKeyService, opened: OpenRotation) -> None:
    other = UUID(int=7)
    with pytest.raises(SignotaurError) as caught:
        confirm(service, opened.key, other)
    assert caught.value.what == f"The server has no rotation {other} of this key."
    assert caught.value.keys == "Nothing was changed."
    assert caught.value.next == (
        "Give the new key of that rotation, and the rotation id that rotate-key printed."
    )


def test_a_rotation_that_another_one_replaced_is_over(
    service: FakeKeyService, old: Secret, opened: OpenRotation
) -> None:
    later = open_one(service, old, "run")
    confirm(service, later.key, later.rotation.id)
    with pytest.raises(SupersededError) as caught:
        confirm(service, opened.key, opened.rotation.id)
    assert caught.value.what == (f"Rotation {opened.rotation.id} has ended (superseded).")
    assert caught.value.keys == "The old key works, or the key of the other rotation does."
    assert caught.value.next == "Run rotate-key again, and store the new key."


def test_a_service_that_describes_no_keys_cannot_confirm() -> None:
    @dataclass
    class Undescribing(FakeKeyService):
        def describe(self, key: Secret) -> None:  # type: ignore[override]
            """Know nothing of a key, as the vendor's tool."""
            del key

    service = Undescribing()
    with pytest.raises(ServerError) as caught:
        confirm(service, service.add_key(), None)
    assert caught.value.what == "This key service cannot confirm rotations."


def test_a_confirmation_without_an_answer_says_what_is_not_known(
    service: FakeKeyService, opened: OpenRotation
) -> None:
    class Silent(FakeKeyService):
        def describe(self, key: Secret) -> KeyInfo:
            return service.describe(key)

        def confirm(
            self, key: Secret, rotation_id: UUID, destinations: Sequence[DestinationOutcome] = ()
        ) -> Rotation:
            service.confirm(key, rotation_id, destinations)
            raise ServerError("no answer", keys="other keys")

    with pytest.raises(ServerError) as caught:
        confirm(Silent(), opened.key, None)
    assert caught.value.what == "no answer"
    assert caught.value.keys == (
        "The new key works. It is not known whether the old key's revocation is armed."
    )
