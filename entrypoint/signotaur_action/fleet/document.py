"""The YAML of a fleet file as members with their lines: plain data only, nothing is constructed."""

from dataclasses import dataclass, field

from yaml import (
    AliasEvent,
    MappingNode,
    MarkedYAMLError,
    Node,
    SafeLoader,
    ScalarNode,
    SequenceNode,
    YAMLError,
)

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.fleet.secret_scan import without_secrets

_DEEPEST = 5
"""The document, ``keys``, an entry, a list in it, an item of the list."""
_TAG = "tag:yaml.org,2002:"
_TEXT, _BOOLEAN, _NUMBER = f"{_TAG}str", f"{_TAG}bool", f"{_TAG}int"
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class Member:
    """One member of a mapping, with the line of its name, from 1."""

    name: str
    line: int
    node: Node


@dataclass
class Document:
    """A fleet file that is read; what is wrong with it gathers in ``faults``, by line."""

    faults: list[tuple[int, str]] = field(default_factory=list)

    def root(self, text: str) -> dict[str, Member]:
        """Return the members of the whole document; none if it is no valid YAML."""
        try:
            node = _Loader(text).get_single_node()
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._not_yaml(mark.line + 1 if mark else 1, error.problem or "")
            return {}
        except YAMLError as error:  # of its reader, which knows a place and no line
            place = getattr(error, "position", 0)
            self._not_yaml(text.count("\n", 0, place) + 1, "a character is not allowed")
            return {}
        if node is None:
            self.fault(1, "the file is empty; it needs the member keys")
            return {}
        return self.members(Member("the file", 1, node))

    def members(self, member: Member) -> dict[str, Member]:
        """Return the members of a mapping by name; the first of two with one name."""
        if not isinstance(member.node, MappingNode):
            self.fault(member.line, f"{member.name} must be a mapping: lines with NAME: VALUE")
            return {}
        found: dict[str, Member] = {}
        for key, value in member.node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self.fault(line, "a name must be text")
                continue
            name = shown(key.value)
            if key.value in found:
                first = found[key.value].line
                self.fault(line, f"{name} is given twice, first in line {first}; remove one")
                continue
            found[key.value] = Member(name, line, value)
        return found

    def text(self, member: Member) -> str | None:
        """Return a text or a whole number as it is written; None for anything else."""
        node = member.node
        if isinstance(node, ScalarNode) and node.tag in (_TEXT, _NUMBER) and node.value.strip():
            return str(node.value).strip()
        self.fault(member.line, f"{member.name} must be text, in quotes if YAML takes it otherwise")
        return None

    def flag(self, member: Member) -> bool | None:
        """Return a boolean; None for anything else."""
        node = member.node
        if isinstance(node, ScalarNode) and node.tag == _BOOLEAN and node.value in _FLAGS:
            return _FLAGS[node.value]
        self.fault(member.line, f"{member.name} must be true or false")
        return None

    def texts(self, member: Member) -> list[str]:
        """Return one text, or the texts of a list."""
        if not isinstance(member.node, SequenceNode):
            text = self.text(member)
            return [] if text is None else [text]
        if not member.node.value:
            self.fault(member.line, f"{member.name} is an empty list")
        items = [
            Member(f"an item of {member.name}", item.start_mark.line + 1, item)
            for item in member.node.value
        ]
        found = [text for item in items if (text := self.text(item)) is not None]
        for again in sorted({text for text in found if found.count(text) > 1}):
            self.fault(member.line, f"{member.name} names {shown(again)} twice; remove one")
        return found

    def fault(self, line: int, text: str) -> None:
        """Note what is wrong in a line, and what corrects it."""
        self.faults.append((line, text))

    def _not_yaml(self, line: int, problem: str) -> None:
        self.fault(line, f"the file is not valid YAML: {shown(problem)}")


def shown(text: str) -> str:
    """Return a text of the file for a message: harmless, and without a secret in it."""
    return escape_untrusted(without_secrets(text))


class _Loader(SafeLoader):
    """Composes nodes; refuses what makes a small file large, and nesting without end."""

    _depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, AliasEvent) or event.anchor is not None:
            problem = "anchors (&) and aliases (*) are not allowed; use the member defaults"
            raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        if self._depth == _DEEPEST:
            problem = "values are nested too deeply"
            raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node
