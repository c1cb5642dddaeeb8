"""YAML that remembers where everything stands, and refuses a key that is written twice."""

from __future__ import annotations

from typing import Any

import yaml

from medie_fhir.errors import InvalidMapping

__all__ = ["Source"]

Path = tuple[str | int, ...]
_MOST_NODES = 100_000
_SHAPE = "a mapping file is a YAML mapping with name, version, task, policy, templates"


class Source:
    """A YAML text, its data, and the line of each path. Raises InvalidMapping where it is no YAML mapping.

    ``shape`` says what it should be, for that message.
    """

    def __init__(self, text: str, name: str, shape: str = _SHAPE) -> None:
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
            raise InvalidMapping([f"{name}:1: {shape}"])
        self._marks: dict[Path, yaml.Mark] = {}
        self.faults: list[str] = []
        self._visit(node, (), ())

    def _visit(self, node: yaml.Node, path: Path, around: tuple[yaml.Node, ...]) -> None:
        if any(node is outer for outer in around):
            raise InvalidMapping(
                [f"{self._at(node.start_mark)}: {_dotted(path)}: a loop: the alias stands within itself"]
            )
        if len(self._marks) >= _MOST_NODES:
            raise InvalidMapping([f"{self.name}: holds more than {_MOST_NODES:,} values, its aliases written out"])
        self._marks[path] = node.start_mark
        around = (*around, node)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    self.faults.append(
                        f"{self._at(key.start_mark)}: {_dotted((*path, key.value))}: the key stands twice"
                    )
                seen.add(key.value)
                self._visit(value, (*path, key.value), around)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._visit(item, (*path, index), around)

    def _at(self, mark: yaml.Mark) -> str:
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}"

    def place(self, path: Path) -> str:
        """File, line, column and path; the line is that of the nearest around it that stands in the file."""
        known = path
        while known not in self._marks:
            known = known[:-1]
        return f"{self._at(self._marks[known])}: {_dotted(path) or 'the file'}"

    def fault(self, path: Path, what: str) -> str:
        """A fault's line: its place, and what is wrong."""
        return f"{self.place(path)}: {what}"


def _dotted(path: Path) -> str:
    return ".".join(str(p) for p in path)
