"""The examples that deliver to a service: each with that service, and a way to run it."""

import re
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

from docs.other_ci import (
    EXAMPLES,
    AzureJob,
    Ran,
    read_yaml,
    run,
    run_buildkite,
    run_gitlab,
    search_path,
)
from support.keyserver import KeyServer
from support.providers.amazon import REGION, Amazon
from support.providers.buildkite import Buildkite
from support.providers.exchange import fail
from support.providers.gitlab import GitLab
from support.providers.openbao import shared_openbao
from support.providers.openbao_front import OpenBaoFront
from support.providers.standin import StandIn
from support.providers.teamcity import PROJECT, Teamcity, Token

CLIENT = Path(sys.executable).parent / "signotaur-action"
PROGRAMS = Path(__file__).parent / "programs.py"
NAME = "SIGNOTAUR_API_KEY"


class Site(ABC):
    """A machine that runs one example, and the store behind it."""

    refusal = 12
    """How a run ends while the store refuses: 11 where the check finds out."""

    def __init__(self, folder: Path, server: KeyServer) -> None:
        self.folder = folder
        self.server = server
        self.tools = folder / "tools"
        self.tools.mkdir()
        (self.tools / CLIENT.name).symlink_to(CLIENT)
        (folder / "home").mkdir()
        self.env = {
            "PATH": search_path(self.tools),
            "HOME": str(folder / "home"),
            "SIGNOTAUR_CA_FILE": str(server.ca_file),
        }

    def add_program(self, name: str) -> None:
        """Put the stand-in of a program into the PATH."""
        tool = self.tools / name
        tool.write_text(
            f'#!/bin/sh\nexec {sys.executable} -I {PROGRAMS} "{self.folder}" {name} "$@"\n'
        )
        tool.chmod(0o755)

    @abstractmethod
    def put(self, key: str) -> None:
        """Store a key, as somebody did by hand."""

    @abstractmethod
    def held(self) -> str:
        """Return the key that the next build will use."""

    @abstractmethod
    def refuse(self) -> None:
        """Let the store refuse from now on."""

    @abstractmethod
    def repair(self) -> None:
        """Let the store work again."""

    @abstractmethod
    def rotate(self) -> Ran:
        """Run the example as its schedule does."""

    def without_message(self, done: Ran) -> str:
        """Return what was printed, without the message that must carry the key."""
        return done.said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave; a service then tells what was against its rules."""
        return


class ServiceSite(Site):
    """A site whose store is a service with an API."""

    service: StandIn

    def __enter__(self) -> Self:
        self.service.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.service.__exit__(kind, None, None)

    def refuse(self) -> None:
        """Let every write fail."""
        self.service.faults.extend(fail(method, "", 403, times=99) for method in ("PUT", "POST"))

    def repair(self) -> None:
        """See ``Site``."""
        self.service.faults.clear()


class GitlabSite(ServiceSite):
    """The scheduled pipeline, whose token is in the scope of one environment."""

    def __init__(self, folder: Path, server: KeyServer) -> None:
        super().__init__(folder, server)
        self.service: GitLab = GitLab()
        self._token = self.service.add_token()
        self.pipeline = read_yaml("gitlab/.gitlab-ci.yml", server.url)

    def put(self, key: str) -> None:
        """See ``Site``."""
        self.service.set_variable("acme/app", NAME, key, masked=True, protected=True)

    def held(self) -> str:
        """See ``Site``."""
        value: str = self.service.variable("acme/app", NAME)["value"]
        return value

    def rotate(self) -> Ran:
        """See ``Site``."""
        return self.run("schedule", GITLAB_TOKEN=self._token)

    def run(self, source: str, **variables: str) -> Ran:
        """Run the pipeline of the default branch."""
        predefined = {
            "CI_API_V4_URL": self.service.api,
            "CI_PROJECT_ID": "7",
            "CI_PIPELINE_ID": "42",
            "CI_PIPELINE_SOURCE": source,
            "CI_COMMIT_REF_PROTECTED": "true",
        }
        env = {**self.env, **predefined, NAME: self.held(), **variables}
        return run_gitlab(self.pipeline, env, self.folder)


class AzureSite(Site):
    """The scheduled pipeline over a key vault."""

    def __init__(self, folder: Path, server: KeyServer) -> None:
        super().__init__(folder, server)
        self.add_program("az")
        self._secret = folder / "example-signing" / "SignotaurApiKey"
        self._secret.parent.mkdir()
        pipeline = read_yaml("azure-pipelines/rotate.yml", server.url)
        self.job = AzureJob(pipeline["variables"], folder)
        self.steps = pipeline["stages"][0]["jobs"][0]["steps"]

    def put(self, key: str) -> None:
        """See ``Site``."""
        self._secret.write_text(key)

    def held(self) -> str:
        """See ``Site``."""
        return self._secret.read_text()

    def refuse(self) -> None:
        """See ``Site``."""
        (self.folder / "forbidden").touch()

    def repair(self) -> None:
        """See ``Site``."""
        (self.folder / "forbidden").unlink()

    def rotate(self) -> Ran:
        """See ``Site``."""
        return self.job.run(self.steps, self.env, self.folder)

    def without_message(self, done: Ran) -> str:
        """See ``Site``."""
        return re.sub(r"(?m)^##vso\[task\.setvariable .*\n", "", done.said)


class BuildkiteSite(ServiceSite):
    """The scheduled build, with a cluster's secrets."""

    def __init__(self, folder: Path, server: KeyServer) -> None:
        super().__init__(folder, server)
        self.service: Buildkite = Buildkite()
        self._token = self.service.add_token()
        self.pipeline = read_yaml("buildkite/pipeline.yml", server.url)

    def put(self, key: str) -> None:
        """See ``Site``."""
        self.service.add_secret(NAME, key)

    def held(self) -> str:
        """See ``Site``."""
        value: str = self.service.secret(NAME)["value"]
        return value

    def rotate(self) -> Ran:
        """See ``Site``."""
        return self.run("schedule")

    def run(self, source: str) -> Ran:
        """Run a build."""
        given = {
            "BUILDKITE_REST_API_ENDPOINT": self.service.url,
            "BUILDKITE_CLUSTER_ID": self.service.cluster,
            "BUILDKITE_ORGANIZATION_SLUG": self.service.organization,
        }
        secrets = {NAME: self.held(), "ROTATION_TOKEN": self._token}
        env = self.env | given
        return run_buildkite(self.pipeline, source, secrets, env, self.folder)


class TeamcitySite(ServiceSite):
    """The step's script, with a project's parameter."""

    def __init__(self, folder: Path, server: KeyServer) -> None:
        super().__init__(folder, server)
        self.service: Teamcity = Teamcity()
        self._token = "a-token-that-may-edit-the-project"
        self.repair()

    def put(self, key: str) -> None:
        """See ``Site``."""
        parameter = {"name": f"env.{NAME}", "value": key, "type": {"rawValue": "password"}}
        self.service.projects[PROJECT].parameters[f"env.{NAME}"] = parameter

    def held(self) -> str:
        """See ``Site``."""
        value: str = self.service.projects[PROJECT].parameters[f"env.{NAME}"]["value"]
        return value

    def refuse(self) -> None:
        """See ``Site``."""
        self.service.tokens[self._token] = Token(edit=False)

    def repair(self) -> None:
        """See ``Site``."""
        self.service.tokens[self._token] = Token()

    def rotate(self) -> Ran:
        """See ``Site``."""
        parameters = {
            "SIGNOTAUR_SERVER": self.server.url,
            NAME: self.held(),
            "TEAMCITY_URL": self.service.url,
            "TEAMCITY_TOKEN": self._token,
        }
        script = str(EXAMPLES / "teamcity" / "rotate.sh")
        return run([script], self.env | parameters, self.folder)

    def without_message(self, done: Ran) -> str:
        """See ``Site``."""
        return re.sub(r"(?m)^##teamcity\[setParameter .*\n", "", done.said)


class VaultSite(ServiceSite):
    """The script over a secret with another field."""

    def __init__(self, folder: Path, server: KeyServer) -> None:
        super().__init__(folder, server)
        self.add_program("vault")
        self.service: OpenBaoFront = OpenBaoFront(shared_openbao())
        policy = {"secret/data/ci/signotaur": ("read", "create", "update")}
        self._token = self.service.add_token("ci-token-AAAAAAAAAAAAAAAAAAAAAAAA", policy)

    def put(self, key: str) -> None:
        """See ``Site``."""
        self.service.put_secret("secret", "ci/signotaur", {NAME: key, "OTHER": "stays"})

    def held(self) -> str:
        """See ``Site``."""
        secret = self.service.secret("secret", "ci/signotaur") or {}
        assert secret["OTHER"] == "stays"
        value: str = secret[NAME]
        return value

    def refuse(self) -> None:
        """See ``Site``."""
        self.service.faults.append(fail("POST", "/data/", 403, body={"errors": []}, times=99))

    def rotate(self) -> Ran:
        """See ``Site``."""
        given = {
            "SIGNOTAUR_SERVER": self.server.url,
            "VAULT_ADDR": self.service.url,
            "VAULT_TOKEN": self._token,
        }
        script = str(EXAMPLES / "vault" / "rotate.sh")
        return run([script], self.env | given, self.folder)


class AwsSite(ServiceSite):
    """The script over a secret of Secrets Manager, with the session of a role."""

    def __init__(self, folder: Path, server: KeyServer) -> None:
        super().__init__(folder, server)
        self.add_program("aws")
        self.service: Amazon = Amazon()
        self.service.add_caller("ASIAAAAAAAAAAAAAAAAA", "a-secret-key-AAAAAAAAAAAA", "a-session")

    def put(self, key: str) -> None:
        """See ``Site``."""
        made = self._ask("CreateSecret", Name="ci/signotaur", SecretString=key)
        if made is None:  # by another test: moto is one for all of them
            self._ask("PutSecretValue", SecretId="ci/signotaur", SecretString=key)

    def held(self) -> str:
        """See ``Site``."""
        value: str = self._ask("GetSecretValue", SecretId="ci/signotaur")["SecretString"]
        return value

    def refuse(self) -> None:
        """See ``Site``."""
        self.service.denied.add("PutSecretValue")

    def repair(self) -> None:
        """See ``Site``."""
        self.service.denied.clear()

    def rotate(self) -> Ran:
        """See ``Site``."""
        given = {
            "SIGNOTAUR_SERVER": self.server.url,
            "AWS_ENDPOINT_URL": self.service.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "ASIAAAAAAAAAAAAAAAAA",
            "AWS_SECRET_ACCESS_KEY": "a-secret-key-AAAAAAAAAAAA",
            "AWS_SESSION_TOKEN": "a-session",
        }
        return run([str(EXAMPLES / "aws" / "rotate.sh")], self.env | given, self.folder)

    def _ask(self, action: str, **body: str) -> Any:
        return self.service.ask(f"secretsmanager.{action}", **body)
