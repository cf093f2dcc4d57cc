"""GitHub's issues, as "REST API endpoints for issues" on docs.github.com describes them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from support.providers.exchange import Call, Reply
from support.providers.github_bodies import invalid, refusal, timestamp, user

LONGEST_TITLE = 256
LONGEST_BODY = 65536


@dataclass
class Issue:
    """An issue; ``comments`` are texts, as they were sent."""

    number: int
    title: str
    body: str | None
    created: datetime
    updated: datetime
    labels: list[str] = field(default_factory=list)
    state: str = "open"
    state_reason: str | None = None
    closed: datetime | None = None
    comments: list[str] = field(default_factory=list)
    pull_request: bool = False


class Issues:
    """The issues of one repository."""

    def __init__(self, repository: str, now: Callable[[], datetime]) -> None:
        self.repository = repository
        self.disabled = False
        self.all: list[Issue] = []
        self._now = now

    def add(
        self,
        title: str,
        body: str | None = None,
        labels: list[str] | None = None,
        *,
        pull_request: bool = False,
    ) -> Issue:
        """Add an issue, or a pull request: to GitHub it is an issue too."""
        now = self._now()
        number = len(self.all) + 1
        issue = Issue(number, title, body, now, now, list(labels or ()), pull_request=pull_request)
        self.all.append(issue)
        return issue

    def handle(self, call: Call, rest: list[str], body: dict[str, Any], url: str) -> Reply:
        """Answer a call below ".../issues"."""
        if self.disabled:
            return refusal(410, "Issues are disabled for this repo")
        match call.method, rest:
            case "GET", []:
                return self._list(call, url)
            case "POST", []:
                return self._create(body, url)
            case "PATCH", [number] if issue := self._find(number):
                return self._update(issue, body, url)
            case "POST", [number, "comments"] if issue := self._find(number):
                return self._comment(issue, body, url)
        return refusal(404, "Not Found")

    def _find(self, number: str) -> Issue | None:
        return next((each for each in self.all if str(each.number) == number), None)

    def _list(self, call: Call, url: str) -> Reply:
        query = call.query
        state, labels = query.get("state", "open"), query.get("labels", "")
        wanted = {each.strip().lower() for each in labels.split(",") if each.strip()}
        found = [
            each
            for each in self.all
            if state in ("all", each.state) and wanted <= {label.lower() for label in each.labels}
        ]
        if query.get("sort") == "updated":
            found.sort(key=lambda each: each.updated)
        if query.get("direction", "desc") == "desc":
            found.reverse()
        size = min(int(query.get("per_page", "30")), 100)
        page = int(query.get("page", "1"))
        pages = max(1, -(-len(found) // size))
        here = [self.describe(each, url) for each in found[(page - 1) * size : page * size]]
        return Reply(200, here, _links(call, url, page, pages))

    def _create(self, body: dict[str, Any], url: str) -> Reply:
        if not body.get("title"):
            return invalid("Issue", "title", "missing_field")
        if problem := _too_long(body):
            return problem
        labels = [
            each if isinstance(each, str) else each["name"] for each in body.get("labels", ())
        ]
        issue = self.add(str(body["title"]), body.get("body"), labels)
        described = self.describe(issue, url)
        return Reply(201, described, {"Location": described["url"]})

    def _update(self, issue: Issue, body: dict[str, Any], url: str) -> Reply:
        if problem := _too_long(body):
            return problem
        issue.title = str(body.get("title") or issue.title)
        issue.body = body.get("body", issue.body)
        issue.labels = list(body.get("labels", issue.labels))
        state = body.get("state", issue.state)
        issue.updated = self._now()
        # The reason is "ignored unless `state` is changed".
        if state != issue.state:
            issue.state = state
            usual = "completed" if state == "closed" else "reopened"
            issue.state_reason = body.get("state_reason") or usual
            issue.closed = issue.updated if state == "closed" else None
        return Reply(200, self.describe(issue, url))

    def _comment(self, issue: Issue, body: dict[str, Any], url: str) -> Reply:
        if not body.get("body"):
            return invalid("IssueComment", "body", "missing_field")
        if problem := _too_long(body):
            return problem
        issue.comments.append(body["body"])
        issue.updated = self._now()
        number = len(issue.comments)
        here = f"{url}/repos/{self.repository}/issues"
        described = {
            "author_association": "NONE",
            "body": body["body"],
            "created_at": timestamp(issue.updated),
            "html_url": f"{here}/{issue.number}#issuecomment-{number}",
            "id": number,
            "issue_url": f"{here}/{issue.number}",
            "node_id": f"IC_{number}",
            "updated_at": timestamp(issue.updated),
            "url": f"{here}/comments/{number}",
            "user": user("octocat", url),
        }
        return Reply(201, described, {"Location": described["url"]})

    def describe(self, issue: Issue, url: str) -> dict[str, Any]:
        """Describe an issue as GitHub does."""
        repository = f"{url}/repos/{self.repository}"
        here = f"{repository}/issues/{issue.number}"
        described = {
            "assignee": None,
            "assignees": [],
            "author_association": "NONE",
            "body": issue.body,
            "closed_at": timestamp(issue.closed) if issue.closed else None,
            "comments": len(issue.comments),
            "comments_url": f"{here}/comments",
            "created_at": timestamp(issue.created),
            "events_url": f"{here}/events",
            "html_url": f"https://github.com/{self.repository}/issues/{issue.number}",
            "id": 10**9 + issue.number,
            "labels": [{"name": each} for each in issue.labels],
            "labels_url": f"{here}/labels{{/name}}",
            "locked": False,
            "milestone": None,
            "node_id": f"I_{issue.number}",
            "number": issue.number,
            "repository_url": repository,
            "state": issue.state,
            "state_reason": issue.state_reason,
            "title": issue.title,
            "updated_at": timestamp(issue.updated),
            "url": here,
            "user": user("octocat", url),
        }
        links = {f"{each}_url": f"{repository}/pulls/1" for each in ("html", "diff", "patch")}
        pull = {"pull_request": links | {"url": f"{repository}/pulls/1"}}
        return described | (pull if issue.pull_request else {})


def _too_long(body: dict[str, Any]) -> Reply | None:
    for name, most in (("title", LONGEST_TITLE), ("body", LONGEST_BODY)):
        if len(str(body.get(name) or "")) > most:
            message = f"{name} is too long (maximum is {most} characters)"
            return invalid("Issue", name, "custom", message)
    return None


def _links(call: Call, url: str, page: int, pages: int) -> dict[str, str]:
    """Point to other pages as "Using pagination in the REST API" describes."""
    targets: dict[str, int] = {}
    if page > 1:
        targets |= {"prev": page - 1, "first": 1}
    if page < pages:
        targets |= {"next": page + 1, "last": pages}
    if not targets:
        return {}
    host = urlsplit(url)
    here = f"{host.scheme}://{host.netloc}{call.route}"
    links = (
        f'<{here}?{urlencode(call.query | {"page": at})}>; rel="{name}"'
        for name, at in targets.items()
    )
    return {"Link": ", ".join(links)}
