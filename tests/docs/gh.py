"""Stands in for GitHub's own client: ``gh secret set NAME --env E --repo O/R``, value on stdin."""

import argparse
import os
import sys
from urllib.parse import quote

import requests

from signotaur_action.github.sealed_box import seal
from signotaur_action.model import Secret

HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "Authorization": f"Bearer {os.environ['GH_TOKEN']}",
}


def main() -> None:
    """Set one secret of an environment, or end with what GitHub said."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs=3)
    parser.add_argument("--env", required=True)
    parser.add_argument("--repo", required=True)
    given = parser.parse_args()
    assert given.words[:2] == ["secret", "set"]
    environment = quote(given.env, safe="")
    secrets = (
        f"{os.environ['GITHUB_API_URL']}/repos/{given.repo}/environments/{environment}/secrets"
    )
    key = _checked(requests.get(f"{secrets}/public-key", headers=HEADERS, timeout=60)).json()
    sealed = seal(Secret(sys.stdin.read()), key["key"])
    body = {"encrypted_value": sealed, "key_id": key["key_id"]}
    _checked(requests.put(f"{secrets}/{given.words[2]}", json=body, headers=HEADERS, timeout=60))


def _checked(answer: requests.Response) -> requests.Response:
    if not answer.ok:
        sys.exit(f"HTTP {answer.status_code}: {answer.text}")
    return answer


if __name__ == "__main__":
    main()
