"""What the client tells the real server of destinations: kinds and outcomes, and no name."""

from e2e.client_harness import ClientHarness
from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.store import rotations


def test_the_kinds_and_outcomes_are_told_and_no_name(client: ClientHarness, key: str) -> None:
    (client.cwd / "old").write_text(key)
    done = client.run(
        *("rotate-key", "--api-key-file", "old", *client.server.options),
        *("--emit-secret", "env-file:private.env#A_PRIVATE_NAME"),
        *("--emit-secret", "key-file:private.key"),
    )
    assert done.code == 0, done.err
    new_key_id = client.ledger.id_of((client.cwd / "private.key").read_text().strip())
    with data_folder.existing(client.server.data_dir, None) as database, database.read() as read:
        rotation = rotations.of_new_key(read, new_key_id)
    assert rotation is not None
    assert rotation.destinations == [
        {"kind": "env-file", "outcome": "delivered"},
        {"kind": "key-file", "outcome": "delivered"},
    ]
