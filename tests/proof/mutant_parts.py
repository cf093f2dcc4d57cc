"""The parts of the client that ``make mutants`` changes, and the tests that judge each."""

from dataclasses import dataclass

_SINKS = ("contract/test_sinks.py",)
_STORES = (
    *_SINKS,
    "contract/test_served_sinks.py",
    "providers/test_stores.py",
    "providers/test_stores_network.py",
)


@dataclass(frozen=True)
class Part:
    """Modules that are changed, below the client's package, and their tests, below ``tests``.

    The tests run in one process, so that mutmut knows what they reach.
    """

    changed: tuple[str, ...]
    tests: tuple[str, ...]
    selected: str = "test"
    """Which of the tests, as ``pytest -k`` takes it: few, because they run for every change."""


def _sinks(*names: str) -> tuple[str, ...]:
    return tuple(f"sinks/{name}.py" for name in names)


def _providers(*names: str) -> tuple[str, ...]:
    return _STORES + tuple(f"providers/test_{name}.py" for name in names)


def _store(module: str, selected: str, *tests: str) -> Part:
    return Part(_sinks(module), _providers(module, *tests), selected)


PARTS = {
    "protocol": Part(
        ("rotation/*.py",),
        ("rotation/test_run.py", "rotation/test_decision.py", "rotation/test_confirmation.py"),
    ),
    "journal": Part(
        ("files/journal/*.py",), ("unit/test_journal.py", "unit/test_journal_place.py")
    ),
    "writer": Part(("files/atomic.py",), ("unit/test_atomic.py",)),
    "masks": Part(("ci/masks.py",), ("unit/test_masks.py",)),
    "redaction": Part(("ci/redaction.py",), ("unit/test_redaction.py",)),
    "sinks of files and jobs": Part(
        _sinks(
            "azure", "continua", "env_file", "errors", "github_job", "key_file", "stdout",
            "teamcity", "template",
        ),
        (
            *_SINKS, "contract/test_sinks_in_ci_jobs.py", "contract/test_sinks_refusals.py",
        ),
        "not vault and not amazon",
    ),
    "what stores share": Part(
        _sinks("__init__", "base", "stores/pagination", "stores/store", "stores/token_end"),
        (
            *_providers("bitbucket_var", "buildkite_secret", "pagination", "token_end"),
            "contract/test_sinks_in_ci_jobs.py", "contract/test_sinks_refusals.py",
            "providers/test_sign_in_again.py",
        ),
        "in_ci_jobs or refusals or test_pagination or again and azure or"
        " (bitbucket or buildkite or file or token_end)"
        " and not (vault or openbao or amazon or aws)",
    ),
    "aws": Part(
        _sinks(
            "aws_parameter", "aws_secret", "sign_in/aws_identity", "stores/aws",
            "stores/aws_access", "stores/aws_signature", "stores/members",
        ),
        _providers("aws", "aws_identity", "aws_signature", "token_end"),
        "aws or amazon",
    ),
    "azure-devops-var": _store("azure_devops_var", "devops"),
    "azure-key-vault": Part(
        _sinks("azure_key_vault", "sign_in/entra"),
        (*_providers("azure_key_vault", "entra"), "providers/test_sign_in_again.py"),
        "azure and not devops or entra",
    ),
    "bitbucket-var": _store("bitbucket_var", "bitbucket"),
    "buildkite-secret": _store("buildkite_secret", "buildkite"),
    "circleci-env": _store("circleci_env", "circleci"),
    "command": Part(
        _sinks("command"),
        (*_SINKS, "providers/test_command_sink.py"),
        "command and not signal_to_the_client",
    ),
    "gcp-secret": Part(
        _sinks("gcp_secret", "sign_in/google_identity", "sign_in/id_token"),
        (
            *_providers("gcp_secret", "google_identity", "id_token"),
            "providers/test_sign_in_again.py",
        ),
        "gcp or google or id_token",
    ),
    "gitea-secret": _store("gitea_secret", "gitea"),
    "github-secret": Part(
        _sinks("github_scope", "github_secret"),
        _providers("github_secret", "github_faults", "token_end"),
        "github",
    ),
    "gitlab-var": _store("gitlab_var", "gitlab", "token_end"),
    "jenkins-credential": _store("jenkins_credential", "jenkins"),
    "kubernetes": _store("kubernetes", "kubernetes"),
    "teamcity-param": _store("teamcity_param", "teamcity"),
    "vault": Part(
        _sinks("vault", "sign_in/vault_login", "stores/vault_access"),
        _providers("openbao", "token_end", "vault_engines", "vault_login", "vault_sink"),
        "openbao or vault and not (azure or tls)",
    ),
}  # fmt: skip
"""In the order of the table. Each module of the sinks is in one of them."""
