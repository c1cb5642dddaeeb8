"""YAML that remembers where everything stands and holds what JSON holds; what is wrong is told with its place."""

from __future__ import annotations

import math
from typing import Any

import yaml

from medie_fhir.errors import InvalidMapping

__all__ = ["Source"]

Path = tuple[str | int, ...]
_MOST_NODES = 100_000
_MOST_LEVELS = 100
_SHAPE = "a mapping file is a YAML mapping with name, version, task, policy, templates"
_YAML = "tag:yaml.org,2002:"
_TEXT, _TIME = f"{_YAML}str", f"{_YAML}timestamp"
_PLAIN = frozenset({_TEXT, f"{_YAML}null", f"{_YAML}bool", f"{_YAML}int", f"{_YAML}float"})
_KEYS = frozenset({_TEXT, f"{_YAML}merge"})
_INDENTED = (
    "the indentation is not that of the lines around it: keys of one object, and items of one list, stand under one"
    " another"
)
_PROBLEMS = {
    "expected <block end>": _INDENTED,
    "character '\\t'": "a tab: YAML is indented by spaces",
    "mapping values are not allowed here": "a colon where none may stand: a line is indented too far, or lacks its"
    " colon; a text with a colon in it stands in quotes",
    "could not find expected ':'": "a key without its colon; or a text that is not in quotes",
}


class Source:
    """A YAML text, its data, and the line of each path. Raises InvalidMapping where it is no YAML mapping.

    ``faults`` are of what can be read and should not stand there: keys that stand twice or are no texts, values that
    no JSON has; such a value is taken for the text as it is written. ``shape`` says what the whole should be.
    """

    def __init__(self, text: str, name: str, shape: str = _SHAPE) -> None:
        self.name = name
        self.faults: list[str] = []
        self._marks: dict[Path, yaml.Mark] = {}
        loader = yaml.SafeLoader("")
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            if not isinstance(node, yaml.MappingNode):
                raise InvalidMapping([f"{name}:1: {shape}"])
            self._visit(node, (), ())  # before anything is built: merges and aliases, written out, may have no end
            self.data: Any = loader.construct_document(node)
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            what = f"holds a character that YAML doesn't allow (U+{ord(text[error.position]):04X})"
            raise InvalidMapping([f"{name}:{line}:{column}: not YAML: {what}"]) from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
            raise InvalidMapping([f"{where}: not YAML: {_problem(error)}"]) from None
        except RecursionError:
            raise InvalidMapping([f"{name}: not YAML: nested too deeply"]) from None
        finally:
            loader.dispose()

    def _visit(self, node: yaml.Node, path: Path, around: tuple[yaml.Node, ...]) -> None:
        if any(node is outer for outer in around):
            raise InvalidMapping(
                [f"{self._at(node.start_mark)}: {_dotted(path)}: a loop: the alias stands within itself"]
            )
        if len(self._marks) >= _MOST_NODES:
            raise InvalidMapping([f"{self.name}: holds more than {_MOST_NODES:,} values, its aliases written out"])
        if len(path) > _MOST_LEVELS:
            raise InvalidMapping([f"{self._at(node.start_mark)}: nested more than {_MOST_LEVELS} levels deep"])
        self._marks[path] = node.start_mark
        around = (*around, node)
        if isinstance(node, yaml.MappingNode):
            self._plain(node, f"{_YAML}map", path)
            self._members(node, path, around)
        elif isinstance(node, yaml.SequenceNode):
            self._plain(node, f"{_YAML}seq", path)
            for index, item in enumerate(node.value):
                self._visit(item, (*path, index), around)
        elif fault := _no_json(node):
            self._fault_at(node, path, fault)
            node.tag = _TEXT

    def _members(self, node: yaml.MappingNode, path: Path, around: tuple[yaml.Node, ...]) -> None:
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidMapping([f"{self._at(key.start_mark)}: {_dotted(path)}: a key must be a text"])
            inner = (*path, key.value)
            if key.tag not in _KEYS:
                self._fault_at(key, inner, f"a key must be a text: put it in quotes, '{key.value}'")
                key.tag = _TEXT
            if key.value in seen:
                self._fault_at(key, inner, "the key stands twice")
            seen.add(key.value)
            self._visit(value, inner, around)

    def _plain(self, node: yaml.Node, tag: str, path: Path) -> None:
        if node.tag != tag:
            self._fault_at(node, path, f"the tag {_short(node.tag)} is of no use here: leave it out")
            node.tag = tag

    def _fault_at(self, node: yaml.Node, path: Path, what: str) -> None:
        self.faults.append(f"{self._at(node.start_mark)}: {_dotted(path)}: {what}")

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


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, in the words of who writes the file; where PyYAML's are as good, in its."""
    problem = str(getattr(error, "problem", None) or "unreadable")
    words = next((words for start, words in _PROBLEMS.items() if start in problem), problem)
    begun = getattr(error, "context_mark", None)
    return f"{words} (of what begins on line {begun.line + 1})" if begun and words == _INDENTED else words


def _no_json(scalar: yaml.Node) -> str | None:
    """Why a scalar is no value of JSON; None where it is one."""
    if scalar.tag == _TIME:
        return "a date or time stands in quotes"
    if scalar.tag not in _PLAIN:
        return f"the tag {_short(scalar.tag)} is of no use here: leave it out"
    try:
        value = yaml.constructor.SafeConstructor().construct_object(scalar)
    except (ValueError, KeyError):
        return f"is no {_short(scalar.tag)}: put it in quotes if it is a text"
    return "no number that JSON has" if isinstance(value, float) and not math.isfinite(value) else None


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_YAML)}" if tag.startswith(_YAML) else tag


def _dotted(path: Path) -> str:
    return ".".join(str(p) for p in path)
