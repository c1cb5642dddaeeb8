"""`make validate`: the official validator over the golden bundles, and whether its report would show a fault."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"


def program(path: str) -> Any:
    """A program of the repository, which is no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


validate = program("scripts/validate.py")
validator = program("deploy/local/validator/validator.py")
Issue = validator.Issue


def error(message: str) -> Any:
    return Issue("error", "Observation.code", message)


def warning(message: str) -> Any:
    return Issue("warning", "Observation.code", message)


# --- the report -------------------------------------------------------------------------------------------------------


def test_an_error_on_a_golden_resource_is_counted_and_fails() -> None:
    report = validate.Report([])
    report.golden("a", 3, [error("Observation.code: minimum required = 1")])
    assert (report.resources, report.errors, report.warnings) == (3, 1, 0)
    assert report.faults


def test_a_warning_of_an_explained_kind_is_counted_and_does_not_fail() -> None:
    report = validate.Report([])
    report.golden("a", 1, [warning("Constraint failed: dom-6: 'A resource should have narrative'")])
    assert (report.errors, report.warnings, report.faults) == (0, 1, [])


def test_a_warning_that_nobody_has_explained_fails() -> None:
    report = validate.Report([])
    report.golden("a", 1, [warning("something new")])
    assert "nobody has explained" in report.faults[0]


def test_a_rejected_example_fails_unless_it_is_listed() -> None:
    report = validate.Report([])
    report.example("Observation-body-surface-area-example", [error("m^2")])
    assert report.faults == []
    report.example("Observation-other", [error("m^2")])
    assert len(report.faults) == 1


def test_a_listed_example_that_is_accepted_fails() -> None:
    report = validate.Report([])
    report.example("Observation-body-surface-area-example", [warning("m^2")])
    assert "take it off" in report.faults[0]


def test_an_accepted_mutant_fails() -> None:
    report = validate.Report([])
    report.mutant("a", [warning("odd")])
    assert report.faults


def test_what_needs_an_absent_package_is_left_out_and_nothing_else() -> None:
    absent, present = validate.Report(["hl7.fhir.us.core"]), validate.Report([])
    unknown = error(
        "Profile reference 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-procedure' has not been checked "
        "because it could not be found"
    )
    for report in (absent, present):
        report.example("Procedure-a", [unknown])
    assert (absent.left_out, absent.faults) == (1, [])
    assert len(present.faults) == 1
    absent.example("Procedure-b", [error("Slice 'Condition.category:us-core': a matching slice is required")])
    assert len(absent.faults) == 1


def test_what_is_wrong_beside_a_definition_that_is_absent_is_counted() -> None:
    report = validate.Report(["hl7.fhir.us.core"])
    unknown = (
        "Unable to resolve the profile reference 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient'"
    )
    follows = "Invalid Resource target type. Found Patient, but expected one of ([])"
    report.golden("a", 1, [error(unknown), error(follows), error("The pattern of the profile is not found")])
    assert (report.errors, report.left_out) == (1, 2)
    report.golden("b", 1, [error(follows)])
    assert report.errors == 2


def test_the_last_line_counts(capsys: pytest.CaptureFixture[str]) -> None:
    report = validate.Report([])
    report.golden("a", 4, [warning("dom-6: x")])
    report.print()
    assert capsys.readouterr().out.splitlines()[-1] == "4 resources, 0 errors, 1 warnings"


# --- the data ---------------------------------------------------------------------------------------------------------


def test_there_are_thirty_mutants_and_each_differs_from_its_example_by_what_it_names() -> None:
    mutants = yaml.safe_load((GOLDEN / "mutants.yaml").read_text(encoding="utf-8"))
    listed = yaml.safe_load((GOLDEN / "mcode-examples.yaml").read_text(encoding="utf-8"))
    assert len(mutants) >= 30
    for mutant in mutants.values():
        assert set(mutant) <= {"of", "golden", "set", "remove"}
        assert mutant.get("set") or mutant.get("remove")
        assert mutant["of"] not in listed, "rejected as it is"


def test_every_type_of_resource_that_we_write_has_mutants() -> None:
    mutants = yaml.safe_load((GOLDEN / "mutants.yaml").read_text(encoding="utf-8"))
    written = {entry["resource"]["resourceType"] for _, bundle in validate.goldens() for entry in bundle["entry"]}
    assert written <= {mutant["of"].split("-")[0] for mutant in mutants.values()}


def test_a_mutant_of_a_golden_bundle_differs_in_its_first_resource_of_the_type() -> None:
    bundle = {"entry": [{"resource": {"resourceType": t, "id": i}} for t, i in (("A", "1"), ("B", "2"), ("B", "3"))]}
    made = validate.mutants({}, {"g": bundle}, {"m": {"golden": "g", "of": "B", "set": {"status": "odd"}}})
    assert [entry["resource"].get("status") for entry in made["m"]["entry"]] == [None, "odd", None]
    assert "status" not in bundle["entry"][1]["resource"]


def test_a_mutation_leaves_the_example_as_it_is() -> None:
    example = {"code": {"coding": [{"code": "a"}]}, "status": "final"}
    before = copy.deepcopy(example)
    mutant = validate.mutated(example, {"set": {"code.coding.0.code": "b"}, "remove": ["status"]})
    assert mutant == {"code": {"coding": [{"code": "b"}]}}
    assert example == before


def test_a_mutation_of_what_is_not_there_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        validate.mutated({}, {"remove": ["status"]})


def test_there_are_sixty_golden_extractions_of_all_seven_fields() -> None:
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (GOLDEN / "extractions").glob("*.json")]
    assert len(records) >= 60
    assert len({fact["field"] for record in records for fact in record["facts"]}) == 7
    for record in records:
        for fact in record["facts"]:
            for evidence in fact["evidence"]:
                assert evidence["end"] - evidence["start"] == len(evidence["text"])


def test_a_golden_bundle_is_validated_as_it_is_sent() -> None:
    name, bundle = next(iter(validate.goldens()))
    posted = json.loads((GOLDEN / "bundles" / f"{name}.json").read_text(encoding="utf-8"))
    assert bundle["type"] == "transaction"
    assert [{**entry, "fullUrl": None} for entry in bundle["entry"]] == [
        {**entry, "fullUrl": None} for entry in posted["entry"]
    ]
    assert all(entry["fullUrl"].endswith("/" + entry["request"]["url"]) for entry in bundle["entry"])


def test_a_package_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = validator.packages()[0]
    (tmp_path / package.file).write_bytes(b"another")
    monkeypatch.setenv("MEDIE_FHIR_PACKAGES", str(tmp_path))
    with pytest.raises(validator.JvmError, match="digest"):
        package.fetched()


def test_a_program_that_is_missing_is_named_in_one_line_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert validate.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("validate: not installed: java, javac, mvn: install a JDK (17 or later), Maven and npm")


def test_npm_is_asked_for_where_a_package_must_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("MEDIE_FHIR_PACKAGES", raising=False)
    with pytest.raises(validator.JvmError, match=r"not installed: npm: install .* npm"):
        validator.packages()[0].fetched(tmp_path / "packages")


@pytest.mark.parametrize("said", ["javac 1.8.0_402", "javac 11.0.22", ""])
def test_a_java_that_is_too_old_is_named_with_what_to_do(said: str) -> None:
    with pytest.raises(validator.JvmError, match=r"install a JDK \(17 or later\)"):
        validator.require_java(said)
    validator.require_java("javac 17.0.15")
    validator.require_java("javac 25")


# --- the validator itself ---------------------------------------------------------------------------------------------


@pytest.mark.validator
def test_a_wrong_resource_within_a_bundle_is_found_and_the_right_one_is_accepted() -> None:
    try:
        official = validator.Validator()
    except validator.JvmError as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no validator: {missing}")
    bundles = dict(validate.goldens())
    right = bundles["default/everything"]
    wrong = copy.deepcopy(right)
    marker = next(e["resource"] for e in wrong["entry"] if "tumor-marker" in json.dumps(e["resource"].get("meta", {})))
    for value in [element for element in marker if element.startswith("value")]:
        del marker[value]
    said = dict(official.validate([("right", right), ("wrong", wrong)]))
    accepting, rejecting = validate.Report(official.absent), validate.Report(official.absent)
    accepting.golden("right", 1, said["right"])
    rejecting.golden("wrong", 1, said["wrong"])
    assert accepting.faults == []
    assert any("value[x]: minimum required = 1" in fault for fault in rejecting.faults)
