"""One GitHub issue for a key that is near its end: opened, updated, closed.

https://docs.github.com/en/rest/issues/issues. Issues are found by a label, so that one call is
enough in a repository with thousands, and known by a mark in their text, so that several keys
can have one each.
"""

import hashlib
from dataclasses import dataclass

from signotaur_action.github.rest import GitHubRest, github_refusal
from signotaur_action.http import Answer, HttpError
from signotaur_action.http.address import join_path
from signotaur_wire.members import Json

LABEL = "signing-key"
_PERMISSION = "the permission issues: write"
_LONGEST_TITLE = 256
_PAGE = 100


class IssueError(Exception):
    """GitHub did not do what was asked; the text is a whole sentence."""


@dataclass(frozen=True)
class Issue:
    """The text of an issue. Markdown; foreign text in it must be escaped before."""

    title: str
    body: str


@dataclass(frozen=True)
class _Found:
    number: int
    title: str
    body: str


class ExpiryIssue:
    """The issue of one key in one repository. All methods raise IssueError."""

    def __init__(self, github: GitHubRest, repository: str, subject: str) -> None:
        """``subject`` identifies a key, also after its rotation; it is not shown."""
        owner, _, name = repository.partition("/")
        self._github = github
        self._issues = join_path("repos", owner, name, "issues")
        identity = hashlib.sha256(subject.encode()).hexdigest()[:32]
        self._mark = f"<!-- signotaur-action guard {identity} -->"

    def keep_open(self, issue: Issue) -> str:
        """Open the issue, or update the open one. Returns what was done."""
        title = issue.title[:_LONGEST_TITLE]
        body = f"{issue.body}\n\n{self._mark}"
        found = self._open_ones()
        if not found:
            return self._open(title, body)
        first, *others = found
        for other in others:  # two jobs opened one each in the same moment
            self._close(other, "not_planned")
        if (first.title, first.body.replace("\r\n", "\n").strip()) == (title, body):
            return f"#{first.number} is already open"
        self._send("PATCH", f"/{first.number}", {"title": title, "body": body})
        return f"#{first.number} updated"

    def close(self, why: str) -> str:
        """Close what is open, with a comment that says why. Returns what was done, if anything."""
        found = self._open_ones()
        for each in found:
            self._send("POST", f"/{each.number}/comments", {"body": why})
            self._close(each, "completed")
        return ", ".join(f"#{each.number} closed" for each in found)

    def _open(self, title: str, body: str) -> str:
        answer = self._send("POST", "", {"title": title, "body": body, "labels": [LABEL]})
        if LABEL not in _labels(answer):
            raise IssueError(
                f"GitHub opened an issue without the label {LABEL}, so the next run will not find "
                "it: add that label to the issue."
            )
        return f"#{_number(answer.document)} opened"

    def _close(self, issue: _Found, reason: str) -> None:
        self._send("PATCH", f"/{issue.number}", {"state": "closed", "state_reason": reason})

    def _open_ones(self) -> list[_Found]:
        """Return the open issues of this key, oldest first."""
        found: list[_Found] = []
        page = 0
        while True:
            page += 1
            query = f"?state=open&labels={LABEL}&sort=created&direction=asc"
            answer = self._send("GET", f"{query}&per_page={_PAGE}&page={page}")
            issues = answer.document if isinstance(answer.document, list) else []
            found += [
                _Found(_number(each), str(each.get("title")), str(each.get("body")))
                for each in issues
                if isinstance(each, dict) and self._mark in str(each.get("body"))
            ]
            if len(issues) < _PAGE:
                return found

    def _send(self, method: str, path: str, body: Json | None = None) -> Answer:
        try:
            answer = self._github.call(method, f"{self._issues}{path}", body)
        except HttpError as fault:
            raise IssueError(str(fault)) from None
        if answer.refused:
            raise IssueError(f"{github_refusal(answer, _PERMISSION)}.")
        return answer


def _labels(answer: Answer) -> list[str]:
    labels = answer.member("labels")
    if not isinstance(labels, list):
        return []
    return [str(label.get("name") if isinstance(label, dict) else label) for label in labels]


def _number(document: object) -> int:
    number = document.get("number") if isinstance(document, dict) else None
    if not isinstance(number, int):
        raise IssueError("GitHub returned no issue number.")
    return number
