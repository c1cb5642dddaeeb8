"""YAML that remembers where everything stands, and refuses a key that is written twice."""

from __future__ import annotations

from typing import Any

import yaml

from medie_fhir.errors import InvalidMapping

__all__ = ["Source"]

Path = tuple[str | int, ...]


class Source:
    """A YAML text, its data, and the line of each path. Raises InvalidMapping where it is no YAML mapping."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
            raise InvalidMapping([f"{where}: not YAML: {getattr(error, 'problem', 'unreadable')}"]) from None
        except RecursionError:
            raise InvalidMapping([f"{name}: not YAML: nested too deeply"]) from None
        if not isinstance(node, yaml.MappingNode):
            raise InvalidMapping(
                [f"{name}:1: a mapping file is a YAML mapping with name, version, task, policy, templates"]
            )
        self._marks: dict[Path, yaml.Mark] = {}
        self.faults: list[str] = []
        self._visit(node, ())

    def _visit(self, node: yaml.Node, path: Path) -> None:
        self._marks[path] = node.start_mark
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    self.faults.append(
                        f"{self._at(key.start_mark)}: {_dotted((*path, key.value))}: the key stands twice"
                    )
                seen.add(key.value)
                self._visit(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._visit(item, (*path, index))

    def _at(self, mark: yaml.Mark) -> str:
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}"

    def fault(self, path: Path, what: str) -> str:
        """A fault's line: file, line, column, path, and what is wrong, at the nearest place that stands in the file."""
        known = path
        while known not in self._marks:
            known = known[:-1]
        return f"{self._at(self._marks[known])}: {_dotted(path) or 'the file'}: {what}"


def _dotted(path: Path) -> str:
    return ".".join(str(p) for p in path)
