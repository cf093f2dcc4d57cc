"""What GitHub's answers look like; the OpenAPI description checks every one of them."""

import re
from datetime import datetime
from typing import Any

from support.providers.exchange import Reply

DOCUMENTATION = "https://docs.github.com/rest"

# Members that every repository's or account's answer has, and no client here looks at.
_LINKS = re.findall(
    r"\w+",
    """
    archive assignees blobs branches clone collaborators comments commits compare contents
    contributors deployments downloads events forks git git_commits git_refs git_tags hooks html
    issue_comment issue_events issues keys labels languages merges milestones mirror
    notifications pulls releases ssh stargazers statuses subscribers subscription svn tags teams
    trees
    """,
)
_USER_LINKS = re.findall(
    r"\w+",
    """
    avatar events followers following gists html organizations received_events repos starred
    subscriptions
    """,
)
_COUNTS = re.findall(
    r"\w+",
    """
    forks forks_count network_count open_issues open_issues_count size stargazers_count
    subscribers_count watchers watchers_count
    """,
)
_SWITCHES = re.findall(
    r"\w+", "archived disabled fork has_discussions has_pages has_projects has_wiki"
)


def refusal(status: int, message: str, **members: Any) -> Reply:
    """Word an error as GitHub does."""
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return Reply(status, body | members)


def invalid(resource: str, field: str, code: str, message: str = "") -> Reply:
    """Refuse as "Validation Failed" ("Troubleshooting the REST API")."""
    error = {"resource": resource, "field": field, "code": code}
    return refusal(
        422, "Validation Failed", errors=[error | ({"message": message} if message else {})]
    )


def timestamp(moment: datetime) -> str:
    """Write a time as GitHub does: whole seconds, so two changes in one look like none."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def user(login: str, url: str) -> dict[str, Any]:
    """Describe an account."""
    here = f"{url}/users/{login}"
    return {f"{each}_url": f"{here}/{each}" for each in _USER_LINKS} | {
        "gravatar_id": "",
        "id": 1,
        "login": login,
        "node_id": "U_1",
        "site_admin": False,
        "type": "User",
        "url": here,
    }


def repository(identity: int, full_name: str, url: str, *, private: bool) -> dict[str, Any]:
    """Describe a repository as lists do, and as it is described by itself."""
    owner, name = full_name.split("/")
    here = f"{url}/repos/{full_name}"
    then = "2026-01-01T00:00:00Z"
    return (
        {f"{each}_url": f"{here}/{each}" for each in _LINKS}
        | dict.fromkeys(_COUNTS, 0)
        | dict.fromkeys(_SWITCHES, False)
        | {
            "created_at": then,
            "default_branch": "main",
            "description": None,
            "full_name": full_name,
            "has_issues": True,
            "homepage": None,
            "id": identity,
            "language": None,
            "license": None,
            "name": name,
            "node_id": f"R_{identity}",
            "owner": user(owner, url),
            "private": private,
            "pushed_at": then,
            "updated_at": then,
            "url": here,
            "visibility": "private" if private else "public",
        }
    )
