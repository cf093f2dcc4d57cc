"""Destinations of several kinds in one run: what each holds, and how each fails for a while."""

import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from support.providers.amazon_place import AwsParameterHarness, AwsSecretHarness
from support.providers.azure_devops import AzureDevopsHarness
from support.providers.azure_place import AzureKeyVaultHarness
from support.providers.bitbucket import BitbucketHarness
from support.providers.circleci import CircleciHarness
from support.providers.exchange import Call, Reply
from support.providers.gitea import GiteaHarness
from support.providers.github_place import GithubHarness
from support.providers.google_place import GcpSecretHarness
from support.providers.jenkins import JenkinsHarness
from support.providers.kubernetes_place import KubernetesHarness
from support.providers.stores import GitlabHarness, StoreHarness, VaultHarness
from support.providers.teamcity import TeamcityHarness


class Destination(ABC):
    """One destination of a run, which holds a key from the beginning."""

    environ: dict[str, str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:  # noqa: B027 - most have nothing open
        pass

    @property
    @abstractmethod
    def text(self) -> str:
        """The destination, as ``--emit-secret`` takes it."""

    @abstractmethod
    def held(self) -> str:
        """Return the key that it holds, past the client."""

    @property
    @abstractmethod
    def writes(self) -> int:
        """How often a key was written to it and stayed."""

    @abstractmethod
    def refuse(self) -> None:
        """Fail from now on, also when it is only looked at."""

    @abstractmethod
    def fail(self) -> None:
        """Take no key from now on."""

    @abstractmethod
    def lose_proof(self) -> None:
        """Take a key from now on, and do not say so."""

    @abstractmethod
    def repair(self) -> None:
        """Work again."""

    holds_unproved = False
    """Whether a later run can read that it has taken the key."""


class File(Destination):
    """A file that holds the key alone."""

    environ: dict[str, str] = {}  # noqa: RUF012 - nothing changes it

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self._aside = folder / "files", folder / "aside"
        self.folder.mkdir()
        self.put(key)
        self._inode = self.file.stat().st_ino
        self._writes = 0

    def put(self, key: str) -> None:
        """Put a key there, as somebody else would."""
        self.file.write_text(f"{key}\n")
        self.file.chmod(0o600)

    @property
    def file(self) -> Path:
        """The file, wherever it is now."""
        return (self.folder if self.folder.exists() else self._aside) / "key"

    @property
    def text(self) -> str:
        """See ``Destination``."""
        return f"key-file:{self.folder / 'key'}"

    def held(self) -> str:
        """See ``Destination``."""
        return self.file.read_text().removesuffix("\n")

    @property
    def writes(self) -> int:
        """See ``Destination``. A write gives the name to another file."""
        if self.file.stat().st_ino != self._inode:
            self._inode = self.file.stat().st_ino
            self._writes += 1
        return self._writes

    def refuse(self) -> None:
        """See ``Destination``."""
        self.folder.rename(self._aside)

    fail = refuse

    def lose_proof(self) -> None:
        """See ``Destination``. Who overwrites the file takes the proof from it."""
        raise NotImplementedError

    def repair(self) -> None:
        """See ``Destination``."""
        self._aside.rename(self.folder)


class Command(Destination):
    """A program that keeps the key in a file, and counts."""

    def __init__(self, folder: Path, key: str) -> None:
        self.environ = {}
        self.kept, self._count = folder / "kept", folder / "count"
        self._program = folder / "program"
        self.kept.write_text(key)
        self._count.touch()
        self.become("true")

    def become(self, last: str, first: str = "true") -> None:
        """Do this first, then keep the key, and do that last, in a shell's words."""
        kept, count = shlex.quote(str(self.kept)), shlex.quote(str(self._count))
        keep = f"cat >{kept}.new && mv {kept}.new {kept} && echo >>{count}"
        self._program.write_text(f"#!/bin/sh\n{first} && {keep} && {last}\n")
        self._program.chmod(0o755)

    @property
    def text(self) -> str:
        """See ``Destination``."""
        return f"command:{shlex.quote(str(self._program))} --store ci"

    def held(self) -> str:
        """See ``Destination``."""
        return self.kept.read_text()

    @property
    def writes(self) -> int:
        """See ``Destination``."""
        return len(self._count.read_text())

    def refuse(self) -> None:
        """See ``Destination``."""
        self._program.unlink()

    def fail(self) -> None:
        """See ``Destination``."""
        self.become("true", first="false")

    def lose_proof(self) -> None:
        """See ``Destination``."""
        self.become("false")

    def repair(self) -> None:
        """See ``Destination``."""
        self.become("true")


class Store(Destination):
    """A store behind HTTP."""

    def __init__(self, place: StoreHarness[Any], key: str) -> None:
        self.place = place
        self.holds_unproved = place.readable
        self._revoked = False
        self.put(key)

    def __enter__(self) -> Self:
        self.place.__enter__()
        return self

    def __exit__(self, *how: object) -> None:
        self.place.__exit__(*how)

    @property
    def environ(self) -> dict[str, str]:  # type: ignore[override]
        """The variables by which the client finds it."""
        return self.place.environ

    @property
    def text(self) -> str:
        """See ``Destination``."""
        return self.place.text

    def held(self) -> str:
        """See ``Destination``."""
        return self.place.read()

    @property
    def writes(self) -> int:
        """See ``Destination``."""
        return sum(
            self.place.is_write(each) and each.status in (200, 201, 204)
            for each in self.place.server.requests
        )

    def put(self, key: str) -> None:
        """Put a key there, as somebody else would."""
        self.place.put(key)

    def refuse(self) -> None:
        """See ``Destination``."""
        self.place.revoke()
        self._revoked = True

    def fail(self) -> None:
        """See ``Destination``."""
        self.place.server.faults.append(self.place.refuse_writes(403))

    def lose_proof(self) -> None:
        """See ``Destination``. Whatever is asked after a write gets no answer that says a thing."""
        written = False

        def fault(call: Call) -> Reply | None:
            nonlocal written
            if self.place.is_write(call):
                written = True
            elif written:
                return Reply(403, {"message": "not now", "errors": ["not now"]})
            return None

        self.place.server.faults.append(fault)

    def repair(self) -> None:
        """See ``Destination``."""
        self.place.server.faults.clear()
        if self._revoked:
            self.place.grant()


Make = Callable[[Path, str], Destination]
KINDS: dict[str, Make] = {
    "file": File,
    "github": lambda _, key: Store(GithubHarness(new=True), key),
    "gitlab": lambda _, key: Store(GitlabHarness(new=True), key),
    "vault": lambda _, key: Store(VaultHarness(new=True), key),
    "aws": lambda _, key: Store(AwsSecretHarness(new=True), key),
    "aws field": lambda _, key: Store(AwsSecretHarness(new=True, field="KEY"), key),
    "aws parameter": lambda _, key: Store(AwsParameterHarness(new=True), key),
    "azure": lambda _, key: Store(AzureKeyVaultHarness(new=True), key),
    "google": lambda _, key: Store(GcpSecretHarness(new=True), key),
    "kubernetes": lambda _, key: Store(KubernetesHarness(new=True), key),
    "gitea": lambda _, key: Store(GiteaHarness(new=True), key),
    "azure devops": lambda _, key: Store(AzureDevopsHarness(new=True), key),
    "jenkins": lambda _, key: Store(JenkinsHarness(new=True), key),
    "teamcity": lambda _, key: Store(TeamcityHarness(new=True), key),
    "circleci": lambda _, key: Store(CircleciHarness(new=True), key),
    "bitbucket": lambda _, key: Store(BitbucketHarness(new=True), key),
    "command": Command,
}
