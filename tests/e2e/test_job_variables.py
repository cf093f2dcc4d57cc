"""Variables of a job that would load code into the client, or choose whom it trusts."""

import sys
from pathlib import Path

from e2e.client_harness import ClientHarness
from support.client import BARE, Finished, run_program
from support.providers.stores import VaultHarness
from support.tls import Authority

WEAK_TLS = """
openssl_conf = start
[start]
ssl_conf = tls
[tls]
system_default = old
[old]
MaxProtocol = TLSv1.1
"""


def test_openssl_takes_no_configuration_of_a_job(client: ClientHarness, key: str) -> None:
    """A configuration may load any library. Before, this one ended every run with 1."""
    config = client.folder / "openssl.cnf"
    config.write_text(WEAK_TLS)
    done = client.run(*guard(client, key), env={"OPENSSL_CONF": str(config)})
    assert done.code == 0, done.said


def test_authorities_of_a_job_are_not_trusted_for_stores(
    client: ClientHarness, key: str, tmp_path: Path
) -> None:
    """With ``--ca-file`` these variables added authorities of the job.

    Before, the server below got six requests with the store's token, and then the new key.
    """
    evil = Authority(tmp_path / "evil", "Evil authority")
    with VaultHarness(tls=evil.issue()) as place:
        done = client.rotate(
            *("--af", client.store(key), "--emit-secret", place.text),
            env={**place.environ, "SSL_CERT_FILE": str(evil.ca_file)},
        )
        assert place.server.requests == []
    assert done.code == 11, done.said
    assert "certificate" in done.err


def test_program_that_stores_the_key_gets_the_whole_environment(
    client: ClientHarness, key: str
) -> None:
    """Other people's tools may need these variables to reach their service."""
    env = {"SSL_CERT_FILE": "/its/authorities.pem", "OPENSSL_CONF": "/its/openssl.cnf"}
    shown = client.folder / "shown"
    program = client.folder / "store"
    program.write_text(f'#!/bin/sh\necho "$SSL_CERT_FILE $OPENSSL_CONF" >{shown}\n')
    program.chmod(0o755)
    done = client.rotate("--af", client.store(key), "--emit-secret", f"command:{program}", env=env)
    assert done.code == 0, done.said
    assert shown.read_text() == "/its/authorities.pem /its/openssl.cnf\n"


def test_installed_script_loads_no_module_from_python_path(client: ClientHarness, key: str) -> None:
    """A job's PYTHONPATH is for its own programs. Before, each of these was loaded.

    ``python -I`` is still the safe start: a ``sitecustomize`` there runs before any line of ours.
    """
    caught = client.folder / "caught"
    for name in ("requests", "json", "typer", "dotenv", "urllib3", "simplejson"):
        (client.cwd / f"{name}.py").write_text(f"open({str(caught)!r}, 'a').write(__name__)\n")
    done = script(client, *guard(client, key), python_path=".")
    assert done.code == 0, done.said
    assert not caught.exists()


def test_package_that_lies_on_python_path_works(client: ClientHarness, key: str) -> None:
    """Some install by ``pip --target`` and name the folder in PYTHONPATH."""
    source = str(Path(__file__).parents[2] / "entrypoint")
    done = script(client, *guard(client, key), python_path=f"{client.cwd}:{source}")
    assert done.code == 0, done.said


def guard(client: ClientHarness, key: str) -> list[str | Path]:
    """Return a command that asks the server."""
    limit = ("--fail-if-expiring-within", "1d")
    return ["guard", "--af", client.store(key), *client.server.options, *limit]


def script(client: ClientHarness, *arguments: str | Path, python_path: str) -> Finished:
    """Run the script that pip installs, in a job with a PYTHONPATH."""
    program = Path(sys.executable).with_name("signotaur-action")
    env = {**BARE, "HOME": str(client.home), "PYTHONPATH": python_path}
    return run_program([program, *arguments], env=env, cwd=client.cwd)
