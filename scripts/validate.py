"""Validate the golden bundles by HL7's FHIR validator, against R4 and every profile that they declare.

Every warning must be of a kind that tests/golden/warnings.yaml explains. That the validator can tell right from wrong
is shown by the same run: it must accept the examples of the mCODE package (but for those that
tests/golden/mcode-examples.yaml names, with the reason) and reject each mutant of tests/golden/mutants.yaml.

The last line counts the golden resources, their errors and their warnings. The exit status is 1 where there is an
error, an unexplained warning, an example rejected (or accepted) against the list, or a mutant accepted.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import re
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from medie_fhir.adapters.full_urls import with_full_urls

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "deploy" / "local" / "validator"))  # programs, and no package
GOLDEN = ROOT / "tests" / "golden"
MCODE = "hl7.fhir.us.mcode"
SERVER = "http://fhir.example.org"
FOLLOWS = "Invalid Resource target type. Found "
Json = dict[str, Any]


def goldens(folder: Path = GOLDEN / "bundles") -> Iterator[tuple[str, Json]]:
    """The golden bundles as they are sent: transactions, each entry with its place on the server."""
    for path in sorted(folder.rglob("*.json")):
        bundle = json.loads(path.read_text(encoding="utf-8"))
        yield str(path.relative_to(folder).with_suffix("")), with_full_urls(bundle, SERVER)


def examples(archive: Path) -> dict[str, Json]:
    """A package's examples, by the names of their files without ``.json``."""
    found = {}
    with tarfile.open(archive) as files:
        for member in files:
            path = Path(member.name)
            content = files.extractfile(member) if path.parent.name == "example" else None
            if content is not None and path.suffix == ".json" and not path.name.startswith("."):
                resource = json.load(content)
                if "resourceType" in resource:
                    found[path.stem] = resource
    return dict(sorted(found.items()))


def mutated(resource: Json, change: Json) -> Json:
    """A resource with elements set or removed by their paths (``component.0.code``). Raises KeyError, IndexError."""
    mutant = copy.deepcopy(resource)
    for path, value in change.get("set", {}).items():
        holder, last = _holder(mutant, path)
        holder[last] = value
    for path in change.get("remove", ()):
        holder, last = _holder(mutant, path)
        del holder[last]
    return mutant


def mutants(official: dict[str, Json], ours: dict[str, Json], changes: dict[str, Json]) -> dict[str, Json]:
    """Each change made: to an example, or to a golden bundle's first resource of the type, or to the Bundle itself.

    Raises KeyError, IndexError or StopIteration for one of what is not there.
    """
    return {
        name: _within(ours[change["golden"]], change) if "golden" in change else mutated(official[change["of"]], change)
        for name, change in changes.items()
    }


def _within(bundle: Json, change: Json) -> Json:
    if change["of"] == "Bundle":
        return mutated(bundle, change)
    whole = copy.deepcopy(bundle)
    entry = next(entry for entry in whole["entry"] if entry["resource"]["resourceType"] == change["of"])
    entry["resource"] = mutated(entry["resource"], change)
    return whole


def _holder(resource: Json, path: str) -> tuple[Any, Any]:
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place: Any = resource
    for step in way:
        place = place[step]
    return place, last


class Kinds:
    """The kinds of warnings that are explained. The first whose pattern is found in a message is its kind."""

    def __init__(self, path: Path = GOLDEN / "warnings.yaml") -> None:
        kinds: Json = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.why = {kind: str(said["why"]).strip() for kind, said in kinds.items()}
        self._patterns = [(kind, re.compile(said["pattern"])) for kind, said in kinds.items()]

    def of(self, message: str) -> str | None:
        """The kind of a message, or None for one that nobody has explained."""
        return next((kind for kind, pattern in self._patterns if pattern.search(message)), None)


class Report:
    """What the validator said, and what is wrong with it. ``absent``: packages that it had to do without."""

    def __init__(self, absent: list[str]) -> None:
        self.resources = self.errors = self.warnings = self.left_out = 0
        self.faults: list[str] = []
        self.kinds: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self._known, self._listed = Kinds(), _read("mcode-examples.yaml")
        self._absent = re.compile("|".join(_missing(name) for name in absent) or r"(?!)")

    def golden(self, name: str, resources: int, issues: list[Any]) -> None:
        """Count what is said of a golden bundle."""
        self.resources += resources
        for issue in self._counted(issues):
            if issue.severity == "error":
                self.errors += 1
                self.faults.append(f"{name}: {issue.path}: {issue.message}")
                continue
            self.warnings += 1
            kind = self._known.of(issue.message)
            if kind is None:
                self.faults.append(f"{name}: {issue.path}: a warning that nobody has explained: {issue.message}")
            self.kinds[kind or "unexplained"] += 1

    def example(self, name: str, issues: list[Any]) -> None:
        """Hold what is said of an example against the list."""
        errors = [issue for issue in self._counted(issues) if issue.severity == "error"]
        self.accepted["rejected for a known reason" if errors else "accepted"] += 1
        if errors and name not in self._listed:
            self.faults.append(f"{name}: an example that is rejected: {errors[0].path}: {errors[0].message}")
        if not errors and name in self._listed:
            self.faults.append(f"{name}: accepted after all: take it off tests/golden/mcode-examples.yaml")

    def mutant(self, name: str, issues: list[Any]) -> None:
        """A mutant must be rejected."""
        rejected = any(issue.severity == "error" for issue in self._counted(issues))
        self.accepted["mutants rejected" if rejected else "mutants accepted"] += 1
        if not rejected:
            self.faults.append(f"{name}: a mutant that is accepted")

    def _counted(self, issues: list[Any]) -> list[Any]:
        """All but what can't be judged: that a definition of an absent package is not there, and what follows from it.

        That is one thing only: a reference whose target may be of an absent profile is of no type that is left.
        """
        blind = {issue.path for issue in issues if self._absent.search(issue.message)}
        counted = [
            issue
            for issue in issues
            if not self._absent.search(issue.message) and not (issue.path in blind and FOLLOWS in issue.message)
        ]
        self.left_out += len(issues) - len(counted)
        return counted

    def print(self) -> None:
        """The table, the faults, and last the line that counts."""
        print("warnings by kind")
        for kind, count in self.kinds.most_common():
            print(f"  {count:6}  {kind}: {self._known.why.get(kind, '?')}")
        said = self.accepted
        print(f"mCODE examples: {said['accepted']} accepted, {said['rejected for a known reason']} rejected")
        print(f"mutants: {said['mutants rejected']} rejected, {said['mutants accepted']} accepted")
        if self.left_out:
            print(f"{self.left_out} issues left out: they need a package that could not be had")
        for fault in self.faults:
            print(fault)
        print(f"{self.resources} resources, {self.errors} errors, {self.warnings} warnings")


def _missing(package: str) -> str:
    """What the validator says where the package's profiles are not there."""
    canonical = re.escape("http://hl7.org/" + package.removeprefix("hl7.").replace(".", "/")) + "/"  # hl7.fhir.us.core
    lacks = r"could not be found|Failed to retrieve profile|resolve\(\)|Unable to (find|resolve)"
    return rf"(?s)({lacks}).*{canonical}|{canonical}.*not (be )?found"


def _read(name: str) -> Json:
    return yaml.safe_load((GOLDEN / name).read_text(encoding="utf-8")) or {}


def validate(validator: Any) -> Report:
    """Everything through one validator, in one go."""
    official = examples(validator.archives[MCODE])
    ours = dict(goldens())
    changed = mutants(official, ours, _read("mutants.yaml"))
    work: dict[str, dict[str, Json]] = {"golden": ours, "example": official, "mutant": changed}
    report = Report(validator.absent)
    asked = [(f"{part} {name}", resource) for part, all_ in work.items() for name, resource in all_.items()]
    done: defaultdict[str, int] = defaultdict(int)
    for key, issues in validator.validate(asked):
        part, name = key.split(" ", 1)
        done[part] += 1
        if part == "golden":
            report.golden(name, len(work[part][name]["entry"]), issues)
        elif part == "example":
            report.example(name, issues)
        else:
            report.mutant(name, issues)
        if sum(done.values()) % 50 == 0:
            print(f"{sum(done.values())} of {len(asked)} …", file=sys.stderr)
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, with the command line's arguments where none are given."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args(arguments)
    program = importlib.import_module("validator")
    try:
        validator = program.Validator()
        if validator.absent:
            print(f"without {', '.join(validator.absent)}: neither in a folder nor in a registry", file=sys.stderr)
        report = validate(validator)
    except program.JvmError as error:
        print(f"validate: {error}", file=sys.stderr)
        return 2
    report.print()
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
