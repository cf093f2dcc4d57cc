"""Vault's policies: which capabilities a token has on a path."""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Token:
    """A token of a namespace, and its policy: capabilities by path, relative to it."""

    policy: dict[str, tuple[str, ...]] = field(default_factory=dict)
    namespace: str = ""
    # Whether the token has the policy "default", as tokens have unless told otherwise.
    default: bool = True
    root: bool = False
    # Seconds; 0: it never ends.
    lifetime: int = 0
    left: int = 0

    def reaches(self, path: str) -> bool:
        """Tell whether a full path is in the token's namespace, or in one below."""
        return not self.namespace or path.startswith(f"{self.namespace}/")

    def capabilities(self, path: str) -> set[str]:
        """Return the capabilities on a full path: those of the rule that fits best."""
        if self.root:
            return {"root"}
        fitting = [each for each in self._rules() if _fits(each, path)]
        if not fitting or not self.reaches(path):
            return {"deny"}
        found = set(self._rules()[max(fitting, key=_precision)])
        return {"deny"} if "deny" in found or not found else found

    def touches(self, mount: str) -> bool:
        """Tell whether the policy allows anything below a mount."""
        return self.root or any(
            each.startswith(f"{mount}/") and set(granted) - {"deny"}
            for each, granted in self._rules().items()
        )

    def _rules(self) -> dict[str, tuple[str, ...]]:
        before = f"{self.namespace}/" if self.namespace else ""
        return {before + path: granted for path, granted in self.policy.items()}


def _fits(rule: str, path: str) -> bool:
    """``+`` stands for one segment, a ``*`` at the end for any rest."""
    open_end = rule.endswith("*")
    segments = (rule[:-1] if open_end else rule).split("/")
    pattern = "/".join("[^/]+" if each == "+" else re.escape(each) for each in segments)
    return re.fullmatch(pattern + (".*" if open_end else ""), path) is not None


def _precision(rule: str) -> tuple[int, bool, int, int, str]:
    """Order rules as Vault's page "Policies" does; the greatest wins."""
    wild = [index for index, sign in enumerate(rule) if sign in "+*"]
    first = wild[0] if wild else len(rule) + 1
    return (first, not rule.endswith("*"), -rule.count("+"), len(rule), rule)
