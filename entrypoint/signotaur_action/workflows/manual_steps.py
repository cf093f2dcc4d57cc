"""The steps that remain to be done by hand."""

import shlex

from signotaur_action.workflows.answers import PLACEHOLDER_ACTION, Answers


def remaining(answers: Answers) -> list[str]:
    """Return what is to be done before the workflows can run, in order."""
    steps = _key_file(answers) if answers.key_file else _secrets(answers)
    if answers.action == PLACEHOLDER_ACTION and not answers.key_file:
        steps.append(
            f"Replace {PLACEHOLDER_ACTION} in both files: these workflows fail until it is the "
            "action's repository and the commit of a release (--action OWNER/REPO@COMMIT)."
        )
    return [
        *steps,
        "Replace ./sign.sh in the build with your signing command.",
        'Commit both files, and start "Rotate the signing key" by hand with dry-run.',
    ]


def _secrets(answers: Answers) -> list[str]:
    typed = f"gh secret set {answers.secret} --env {shlex.quote(answers.environment)}"
    return [
        _environment(answers),
        f"Its secret {answers.secret}: the key. `{typed}` asks for it without showing it.",
        _writer(),
    ]


def _writer() -> str:
    right = '"Environments: Read and write"'
    return (
        f"A GitHub App with the permission {right} alone, installed in this repository: its client "
        "id as the variable ROTATION_APP_CLIENT_ID, its private key as the secret "
        f"ROTATION_APP_KEY. Or the secret ROTATION_TOKEN: a fine-grained token with {right}, "
        "which expires."
    )


def _key_file(answers: Answers) -> list[str]:
    path = shlex.quote(answers.key_file)
    typed = f"signotaur-action auth set-key --from-stdin --write-key-file {path}"
    return [
        f"{_environment(answers)} It needs no secret.",
        f"On the runner ({', '.join(answers.runner)}): install signotaur-action in the PATH.",
        f"There, as the runner's user: `{typed}` asks for the key without showing it.",
    ]


def _environment(answers: Answers) -> str:
    return (
        f'Settings, Environments: create "{answers.environment}", only for the '
        f"default branch (and {answers.branch}, if that is a different branch)."
    )
