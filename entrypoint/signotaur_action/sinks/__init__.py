"""The destinations of a new key: one file each, one registry.

To add one: write a class with the members of ``ports.Sink`` in a file of its own, add it here
and to the contract suite (``tests/contract``), write its page in ``docs/destinations`` and its row
in the README; tests compare them.
"""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from signotaur_action.ports import Sink
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink

EMITTERS = {
    "continua": "continua.ContinuaSink",
    "template": "template.TemplateSink",
    "github-output": "github_job.GithubOutputSink",
    "github-env": "github_job.GithubEnvSink",
    "github-secret": "github_secret.GithubSecretSink",
    "gitlab-var": "gitlab_var.GitlabVarSink",
    "vault": "vault.VaultSink",
    "buildkite-secret": "buildkite_secret.BuildkiteSecretSink",
    "aws-secret": "aws_secret.AwsSecretSink",
    "aws-parameter": "aws_parameter.AwsParameterSink",
    "azure-key-vault": "azure_key_vault.AzureKeyVaultSink",
    "gcp-secret": "gcp_secret.GcpSecretSink",
    "kubernetes": "kubernetes.KubernetesSink",
    "gitea-secret": "gitea_secret.GiteaSecretSink",
    "azure-devops-var": "azure_devops_var.AzureDevopsVarSink",
    "jenkins-credential": "jenkins_credential.JenkinsCredentialSink",
    "teamcity-param": "teamcity_param.TeamcityParamSink",
    "circleci-env": "circleci_env.CircleciEnvSink",
    "bitbucket-var": "bitbucket_var.BitbucketVarSink",
    "azure": "azure.AzureSink",
    "teamcity": "teamcity.TeamcitySink",
    "key-file": "key_file.KeyFileSink",
    "env-file": "env_file.EnvFileSink",
    "command": "command.CommandSink",
}
"""The kinds of ``--emit-secret KIND[:ARGUMENT]``, with module and class of each.

A module is loaded when its kind is named: all of them take a tenth of the time of a short run.
"""

FileSink = KeyFileSink | EnvFileSink
"""The sinks of a file of the user's; each has it as ``file``."""

TAKES_STDOUT = frozenset({"continua", "template", "azure", "teamcity"})
"""The kinds whose text goes to stdout, as --json does."""

Maker = Callable[[str, SinkContext], Sink]
"""Makes a sink of an argument. Raises SinkError."""


def _env_file(argument: str, context: SinkContext) -> EnvFileSink:
    """``env-file:PATH#NAME``."""
    path, _, name = argument.rpartition("#")
    if not path:
        raise SinkError("env-file: needs PATH#NAME")
    return EnvFileSink(path, name, context)


def _key_file(argument: str, context: SinkContext) -> KeyFileSink:
    """``key-file:PATH``."""
    require_name("key-file", argument, ".+", "the path of a file")
    return KeyFileSink(argument, context)


_FILES: dict[str, Maker] = {"env-file": _env_file, "key-file": _key_file}
_KINDS = {path: kind for kind, path in EMITTERS.items()} | {"stdout.StdoutSink": "stdout"}


def kind_of(sink: Sink) -> str:
    """Return the kind of a destination, which a server may know: it names nothing."""
    made_by = type(sink)
    return _KINDS[f"{made_by.__module__.rpartition('.')[2]}.{made_by.__name__}"]


def maker_of(kind: str) -> Maker:
    """Return what makes the sinks of a kind, and load its module."""
    if kind in _FILES:
        return _FILES[kind]
    module, _, name = EMITTERS[kind].partition(".")
    return cast("Maker", getattr(import_module(f"{__name__}.{module}"), name))


def emitter(text: str, context: SinkContext) -> Sink:
    """Make the sink that an ``--emit-secret`` names. Raises SinkError."""
    kind, _, argument = text.partition(":")
    if kind not in EMITTERS:
        raise SinkError(
            f"--emit-secret has an unknown kind; the known ones are {', '.join(EMITTERS)}"
        )
    return maker_of(kind)(argument, context)
