"""The destinations of a new key: one file each, one registry.

To add one: write a class with the members of ``ports.Sink`` in a file of its own, add it here
and to the contract suite (``tests/contract``), write its page in ``docs/destinations`` and its row
in the README; tests compare them.
"""

from collections.abc import Callable
from inspect import isclass

from signotaur_action.ports import Sink
from signotaur_action.sinks.aws_parameter import AwsParameterSink
from signotaur_action.sinks.aws_secret import AwsSecretSink
from signotaur_action.sinks.azure import AzureSink
from signotaur_action.sinks.azure_devops_var import AzureDevopsVarSink
from signotaur_action.sinks.azure_key_vault import AzureKeyVaultSink
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.bitbucket_var import BitbucketVarSink
from signotaur_action.sinks.buildkite_secret import BuildkiteSecretSink
from signotaur_action.sinks.circleci_env import CircleciEnvSink
from signotaur_action.sinks.command import CommandSink
from signotaur_action.sinks.continua import ContinuaSink
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.gcp_secret import GcpSecretSink
from signotaur_action.sinks.gitea_secret import GiteaSecretSink
from signotaur_action.sinks.github_job import GithubEnvSink, GithubOutputSink
from signotaur_action.sinks.github_secret import GithubSecretSink
from signotaur_action.sinks.gitlab_var import GitlabVarSink
from signotaur_action.sinks.jenkins_credential import JenkinsCredentialSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.kubernetes import KubernetesSink
from signotaur_action.sinks.stdout import StdoutSink
from signotaur_action.sinks.teamcity import TeamcitySink
from signotaur_action.sinks.teamcity_param import TeamcityParamSink
from signotaur_action.sinks.template import TemplateSink
from signotaur_action.sinks.vault import VaultSink


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


EMITTERS: dict[str, Callable[[str, SinkContext], Sink]] = {
    "continua": ContinuaSink,
    "template": TemplateSink,
    "github-output": GithubOutputSink,
    "github-env": GithubEnvSink,
    "github-secret": GithubSecretSink,
    "gitlab-var": GitlabVarSink,
    "vault": VaultSink,
    "buildkite-secret": BuildkiteSecretSink,
    "aws-secret": AwsSecretSink,
    "aws-parameter": AwsParameterSink,
    "azure-key-vault": AzureKeyVaultSink,
    "gcp-secret": GcpSecretSink,
    "kubernetes": KubernetesSink,
    "gitea-secret": GiteaSecretSink,
    "azure-devops-var": AzureDevopsVarSink,
    "jenkins-credential": JenkinsCredentialSink,
    "teamcity-param": TeamcityParamSink,
    "circleci-env": CircleciEnvSink,
    "bitbucket-var": BitbucketVarSink,
    "azure": AzureSink,
    "teamcity": TeamcitySink,
    "key-file": _key_file,
    "env-file": _env_file,
    "command": CommandSink,
}
"""The kinds of ``--emit-secret KIND[:ARGUMENT]``."""

FileSink = KeyFileSink | EnvFileSink
"""The sinks of a file of the user's; each has it as ``file``."""

_KINDS: dict[object, str] = {
    **{maker: kind for kind, maker in EMITTERS.items() if isclass(maker)},
    KeyFileSink: "key-file",
    EnvFileSink: "env-file",
    StdoutSink: "stdout",
}

TAKES_STDOUT = frozenset({"continua", "template", "azure", "teamcity"})
"""The kinds whose text goes to stdout, as --json does."""


def kind_of(sink: Sink) -> str:
    """Return the kind of a destination, which a server may know: it names nothing."""
    return _KINDS[type(sink)]


def emitter(text: str, context: SinkContext) -> Sink:
    """Make the sink that an ``--emit-secret`` names. Raises SinkError."""
    kind, _, argument = text.partition(":")
    if kind not in EMITTERS:
        raise SinkError(
            f"--emit-secret has an unknown kind; the known ones are {', '.join(EMITTERS)}"
        )
    return EMITTERS[kind](argument, context)
