"""The chapters of the demo: each does real work and shows the result."""

from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec

from signotaur_action.errors import OsslsigncodeMissingError, UnauthorizedError
from signotaur_action.files.dotenv import variables
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.model import Secret
from signotaur_action.ports import Clock
from signotaur_action.signing.osslsigncode import Osslsigncode
from signotaur_demo.errors import DemoError
from signotaur_demo.github_log import log_view, masked_outputs
from signotaur_demo.stage import Stage

_USER = "build-team"
_KEY_NAME = "release signing"
_LATER = "8d"
"""Past the default overlap of 7 days."""


class Story:
    """One run of the demo. ``say`` receives lines of text, without keys."""

    def __init__(self, stage: Stage, say: Callable[[str], None], clock: Clock) -> None:
        self._stage = stage
        self._say = say
        self._clock = clock
        self._key_file = stage.job / "api_key.txt"
        self._env_file = stage.job / "signing.env"

    def tell(self) -> None:
        """Run all chapters. Raises DemoError if a result is wrong."""
        first = self._begin()
        self._sign()
        second = self._rotate_into_key_file(first)
        third = self._rotate_into_dotenv(second)
        self._overlap((first, second, third))
        self._after_the_overlap((first, second), third)
        self._lineage()

    def _begin(self) -> Secret:
        self._chapter("A key server with TLS, a user with the role ApiKeyRotator, a key")
        self._stage.keyserver("user", "add", _USER, "--role", "ApiKeyRotator")
        self._stage.serve()
        key = self._stage.keyserver("key", "add", "--user", _USER, "--name", _KEY_NAME)
        self._say(f"{self._stage.url} serves.")
        self._chapter("The key is stored with auth set-key, which asks the server first")
        store = ("auth", "set-key", "--from-stdin", "--write-key-file", str(self._key_file))
        self._say(self._stage.client(*store, "--verify", stdin=key))
        return Secret(key)

    def _sign(self) -> None:
        self._chapter(
            "A build signs with the key; the certificate's private key stays on the server"
        )
        lacking = _lacking_for_signing()
        if lacking:
            self._say(f"Left out: {lacking}")
            return
        certificate = ("--label", "production", "--self-signed", "--subject", "CN=Demo")
        self._stage.keyserver("cert", "add", *certificate, "--user", _USER)
        script = self._stage.job / "release.ps1"
        script.write_text("Write-Output 'signed'\n")
        key = ("--api-key-file", str(self._key_file), "--fail-if-expiring-within", "7d")
        self._say(self._stage.client("sign", *key, "--label", "production", str(script)))

    def _rotate_into_key_file(self, old: Secret) -> Secret:
        self._chapter("A scheduled job rotates the key into the same key file")
        self._step({"api-key-file": str(self._key_file), "write-key-file": str(self._key_file)})
        return self._changed(old, Secret(self._key_file.read_text().strip()))

    def _rotate_into_dotenv(self, old: Secret) -> Secret:
        self._chapter("A second rotation goes into a dotenv file; its other lines stay")
        self._env_file.touch(mode=0o600)
        self._env_file.write_text("# used by the signing step\nTIMESTAMP_URL=http://ts.example\n")
        self._step({"api-key-file": str(self._key_file), "write-env-file": str(self._env_file)})
        text = self._env_file.read_text()
        new = Secret(variables(text)["SIGNOTAUR_API_KEY"])
        for line in text.replace(new.reveal(), "***").splitlines():
            self._say(f"    {line}")
        return self._changed(old, new)

    def _overlap(self, keys: tuple[Secret, ...]) -> None:
        self._chapter("During the overlap every key works: no build is locked out")
        for number, key in enumerate(keys, 1):
            self._demand(self._works(key), f"key {number} works")

    def _after_the_overlap(self, old: tuple[Secret, ...], new: Secret) -> None:
        self._chapter(f"{_LATER} later (the server's clock is moved) the hourly sweep has run")
        self._stage.close()
        self._say(f"sweep: {self._stage.keyserver('sweep', f'--clock-offset={_LATER}')}")
        self._stage.serve(clock_offset=_LATER)
        for number, key in enumerate(old, 1):
            self._demand(not self._works(key), f"key {number} is refused")
        self._demand(self._works(new), "key 3 works")

    def _lineage(self) -> None:
        self._chapter("The lineage, as the server keeps it")
        for key in self._stage.keys(_LATER):
            origin = key["rotatedFromKeyId"]
            came = f"from key {origin} at {key['rotationTimestampUtc']}" if origin else "created"
            self._say(f"    key {key['id']}  {key['state']:<8} {came}")
        self._say("\nDone: two rotations, no key lost, none shown, nobody locked out.")

    def _step(self, inputs: dict[str, str]) -> None:
        step = self._stage.run_step(
            {
                "command": "rotate-key",
                "sign-server": self._stage.url,
                "ca-file": str(self._stage.ca_file),
                "overlap-days": "7",
                **inputs,
            }
        )
        self._say("The log as GitHub shows it:")
        for line in log_view(step.log):
            self._say(f"    {line}")
        self._say("The step's outputs:")
        for name, value in masked_outputs(step.outputs, step.log).items():
            self._say(f"    {name}: {value}")
        if step.code or not step.summary:
            raise DemoError(f"The step failed with exit code {step.code}.")

    def _works(self, key: Secret) -> bool:
        address = ServerAddress(self._stage.url, timedelta(seconds=10), self._stage.ca_file)
        try:
            HttpKeyService(address, self._clock).describe(key)
        except UnauthorizedError:
            return False
        return True

    def _changed(self, old: Secret, new: Secret) -> Secret:
        self._demand(old != new, "the destination has the new key")
        return new

    def _demand(self, fact: bool, text: str) -> None:  # noqa: FBT001 - a fact, not a switch
        if not fact:
            raise DemoError(f"This should be true, but is not: {text}.")
        self._say(f"ok: {text}")

    def _chapter(self, title: str) -> None:
        self._say(f"\n== {title}")


def _lacking_for_signing() -> str:
    if find_spec("asn1crypto") is None:
        return "the extra signotaur-action[sign] is not installed."
    try:
        Osslsigncode.find({})
    except OsslsigncodeMissingError as missing:
        return f"{missing.what} {missing.next}"
    return ""
