"""What the ID tokens of CI jobs claim, as the platforms document it.

https://docs.github.com/en/actions/reference/security/oidc,
https://docs.gitlab.com/ci/secrets/id_token_authentication/,
https://buildkite.com/docs/agent/v3/cli-oidc.
"""

from typing import Any

GITHUB: dict[str, Any] = {
    "jti": "6f2c8f0e-3f04-4a3b-9b8c-2f6d0a5a7c01",
    "sub": "repo:octo-org/octo-repo:environment:prod",
    "environment": "prod",
    "ref": "refs/heads/main",
    "sha": "2f7d9d4f7b1f0c3c5f6e1b8b0f3c2d1e0a9b8c7d",
    "repository": "octo-org/octo-repo",
    "repository_owner": "octo-org",
    "actor_id": "12",
    "repository_visibility": "private",
    "repository_id": "74",
    "repository_owner_id": "65",
    "run_id": "1000",
    "run_number": "10",
    "run_attempt": "2",
    "runner_environment": "github-hosted",
    "actor": "octocat",
    "workflow": "example-workflow",
    "head_ref": "",
    "base_ref": "",
    "event_name": "workflow_dispatch",
    "ref_type": "branch",
    "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
}
GITLAB: dict[str, Any] = {
    "namespace_id": "72",
    "namespace_path": "my-group",
    "project_id": "20",
    "project_path": "my-group/my-project",
    "user_id": "1",
    "user_login": "sample-user",
    "user_email": "sample-user@example.com",
    "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
    "pipeline_id": "574",
    "pipeline_source": "push",
    "job_id": "302",
    "ref": "main",
    "ref_type": "branch",
    "ref_path": "refs/heads/main",
    "ref_protected": "true",
    "environment": "production",
    "environment_protected": "true",
    "deployment_tier": "production",
    "runner_id": 1,
    "runner_environment": "self-hosted",
    "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
    "project_visibility": "public",
    "ci_config_ref_uri": "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
    "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
    "sub": "project_path:my-group/my-project:ref_type:branch:ref:main",
}
BUILDKITE: dict[str, Any] = {
    "sub": "organization:acme-inc:pipeline:super-duper-app:ref:refs/heads/main"
    ":commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:build",
    "organization_slug": "acme-inc",
    "pipeline_slug": "super-duper-app",
    "build_number": 1,
    "build_branch": "main",
    "build_tag": "v1.0.0",
    "build_commit": "9f3182061f1e2cca4702c368cbc039b7dc9d4485",
    "step_key": "build",
    "job_id": "0184990a-477b-4fa8-9968-496074483cee",
    "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
}
