"""Edits that an integrator makes: `mapping diff` shows what each changes, `remap` writes that, and no more.

What each must change is told by hand: beside the edit of the text stands a function from a resource, as it was on the
server before, to what it must be (None: it is taken back).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from medie_fhir.model import Json
from medie_fhir.shipped import shipped
from medie_fhir.transaction import place

CONFIDENCE = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/AIconfidence"
HOUSE = "https://our-hospital.org/fhir"
LUNG = {"system": f"{HOUSE}/tumours", "code": "T-0815", "display": "Adenocarcinoma of lung, our list"}
ICD_NAME = "Malignant neoplasm of unspecified part of unspecified bronchus or lung"
SITE_ROWS = f"""concept,role,system,code,display,synonyms,source
lung-adenocarcinoma,code,http://snomed.info/sct,254626006,Adenocarcinoma of lung (disorder),,snomed-gps
lung-adenocarcinoma,code,http://hl7.org/fhir/sid/icd-10-cm,C34.90,{ICD_NAME},,icd10cm
lung-adenocarcinoma,code,{LUNG["system"]},{LUNG["code"]},"{LUNG["display"]}",,our-list
"""
NOTE = "Read by a machine; not yet confirmed."
LUMPECTOMY = """  - name: lumpectomy
    field: treatment
    when: "%fact.value = 'lumpectomy'"
    resource:
      resourceType: Procedure
      status: unknown
      code: { coding: "{[ %concept.codings.code ]}", text: Lumpectomy }
      subject: "{{ %subject }}"

"""

Becomes = Callable[[Json, str, Any], Json | None]


@dataclass(frozen=True)
class Edit:
    """``text``: the mapping's text, edited. ``paths``: the elements that become others. ``added``: by their places."""

    name: str
    text: Callable[[str], str]
    becomes: Becomes
    paths: frozenset[str] = frozenset()
    added: Callable[[Any], Mapping[str, Json]] = field(default=lambda _: {})
    site: str | None = None


EDITS: list[Edit] = []


def edit(text: Callable[[str], str], *paths: str, **more: Any) -> Callable[[Becomes], Becomes]:
    def add(becomes: Becomes) -> Becomes:
        EDITS.append(Edit(becomes.__name__, text, becomes, frozenset(paths), **more))
        return becomes

    return add


def put(old: str, new: str, count: int = 1) -> Callable[[str], str]:
    def replaced(text: str) -> str:
        assert text.count(old) == count, f"{old}: {text.count(old)} times"
        return text.replace(old, new)

    return replaced


def template(name: str, new: Callable[[str], str]) -> Callable[[str], str]:
    """The text with another template in the place of a named one, from its name to the next one's."""

    def replaced(text: str) -> str:
        start = text.index(f"  - name: {name}\n")
        end = text.find("  - name: ", start + 1)
        end = len(text) if end < 0 else end
        return text[:start] + new(text[start:end]) + text[end:]

    return replaced


def confidence(r: Json) -> float:
    return next((e["valueDecimal"] for e in r["extension"] if e["url"] == CONFIDENCE), 0.0)


PRECISELY = {"code": "762949000", "display": "Has precise active ingredient (attribute)"}


@edit(put('"127489000", display: Has active', f'"{PRECISELY["code"]}", display: Has precise active'),
      "Observation.component.code.coding.code", "Observation.component.code.coding.display")  # fmt: skip
def a_code_is_another(r: Json, of: str, _: Any) -> Json | None:
    for component in r.get("component", ()) if of == "treatment" else ():
        component["code"]["coding"][0] |= PRECISELY
    return r


@edit(template("response to treatment", lambda _: ""))
def a_fields_template_is_dropped(r: Json, of: str, _: Any) -> Json | None:
    return None if of == "response" else r


SOURCE = {"url": f"{HOUSE}/read-by", "valueString": "medie-fhir"}


@edit(template("cancer stage", put("      status: preliminary\n", "      extension:\n"
      f'        - {{ url: "{SOURCE["url"]}", valueString: {SOURCE["valueString"]} }}\n      status: preliminary\n')),
      "Observation.extension")  # fmt: skip
def an_extension_is_added(r: Json, of: str, _: Any) -> Json | None:
    if of == "stage" and "C18000" not in str(r["code"]):  # a grade has its own template
        r["extension"].insert(0, SOURCE)
    return r


@edit(template("response to treatment", put("        profile: [",
      "        \"{% if %concept.codings.code.exists() %}\":\n          profile: [")),
      "Observation.meta.profile")  # fmt: skip
def a_profile_is_declared_on_a_condition(r: Json, of: str, _: Any) -> Json | None:
    if of == "response" and "coding" not in r["valueCodeableConcept"]:
        del r["meta"]["profile"]
    return r


TREATED = f"{HOUSE}/StructureDefinition/cancer-treatment"


@edit(template("cancer treatment", put("      status: preliminary\n",
      f'      meta:\n        profile: ["{TREATED}"]\n      status: preliminary\n')),
      "Observation.meta.profile")  # fmt: skip
def a_profile_of_ones_own_is_declared(r: Json, of: str, _: Any) -> Json | None:
    if of == "treatment":
        r["meta"]["profile"] = [TREATED]
    return r


@edit(lambda text: text, "Condition.code.coding", site=SITE_ROWS)
def a_sites_code_stands_beside_the_others(r: Json, of: str, _: Any) -> Json | None:
    if "254626006" in str(r["code"]):
        r["code"]["coding"].append(LUNG)
    return r


@edit(put("treatment: { assertions: [present, historical]", "treatment: { assertions: [present]"))
def historical_treatments_are_hidden(r: Json, of: str, world: Any) -> Json | None:
    hidden = of == "treatment" and world.assertions(r["valueCodeableConcept"]["text"]) == {"historical"}
    return None if hidden else r


@edit(put("stage: { assertions: [present] }", "stage: { assertions: [present], minimal_confidence: 0.9 }"))
def only_what_the_reader_was_sure_of_is_written(r: Json, of: str, _: Any) -> Json | None:
    return None if of == "stage" and confidence(r) < 0.9 else r


@edit(put("cancer_type: { assertions: [present], ", "cancer_type: { assertions: [present], minimal_confidence: 1, "),
      "Condition.extension", "Observation.extension", "Observation.focus")  # fmt: skip
def what_nothing_is_left_of_is_referred_to_no_more(r: Json, of: str, world: Any) -> Json | None:
    if of == "cancer_type":
        return None
    r.pop("focus", None)
    r["extension"] = [e for e in r["extension"] if e.get("valueReference", {}).get("reference") not in world.before]
    return r


PROBLEM = {"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}


@edit(template("primary cancer", put(
      '"http://hl7.org/fhir/us/core/CodeSystem/condition-category", code: health-concern',
      f'"{PROBLEM["system"]}", code: {PROBLEM["code"]}')),
      "Condition.category.coding")  # fmt: skip
def a_cancer_comes_upon_the_problem_list(r: Json, of: str, _: Any) -> Json | None:
    if of == "cancer_type":
        r["category"][0]["coding"] = [PROBLEM]
    return r


@edit(put("code: unconfirmed", "code: provisional", count=2), "Condition.verificationStatus.coding.code")
def conditions_are_provisional(r: Json, of: str, _: Any) -> Json | None:
    if r["resourceType"] == "Condition":
        r["verificationStatus"]["coding"][0]["code"] = "provisional"
    return r


@edit(put('text: "Metastasis: {{ %fact.value }}"',
      f'text: "Secondary tumour: {{{{ %fact.value }}}}"\n      note: [{{ text: "{NOTE}" }}]'),
      "Condition.code.text", "Condition.note")  # fmt: skip
def a_text_reads_otherwise_and_a_note_is_added(r: Json, of: str, _: Any) -> Json | None:
    if of == "metastasis_site":
        r["code"]["text"] = r["code"]["text"].replace("Metastasis: ", "Secondary tumour: ")
        r["note"] = [{"text": NOTE}]
    return r


def _as_procedures(world: Any) -> dict[str, Json]:
    made = {}
    for r in world.before.values():
        if r.get("valueCodeableConcept", {}).get("text") == "lumpectomy":
            kept = {k: r[k] for k in ("id", "meta", "extension", "identifier", "subject")}
            code = {"coding": r["valueCodeableConcept"]["coding"], "text": "Lumpectomy"}
            made[f"Procedure/{r['id']}"] = {"resourceType": "Procedure", **kept, "status": "unknown", "code": code}
    return made


@edit(template("cancer treatment", lambda text: LUMPECTOMY + put(
      "    field: treatment\n", "    field: treatment\n    when: \"%fact.value != 'lumpectomy'\"\n")(text)),
      added=_as_procedures)  # fmt: skip
def one_value_has_a_template_of_its_own(r: Json, of: str, world: Any) -> Json | None:
    return None if f"Procedure/{r['id']}" in _as_procedures(world) else r


def _of_mcode(text: str) -> str:
    theirs = shipped("mappings", "mcode.yaml").read_text(encoding="utf-8")
    new = theirs[theirs.index("  - name: drug or regimen\n") : theirs.index("  - name: response to treatment\n")]
    return template("cancer treatment", lambda _: new)(text)


@edit(_of_mcode, added=lambda world: {p: r for p, r in world.by_mcode.items() if p not in world.before})
def treatments_are_what_mcode_has_for_them(r: Json, of: str, world: Any) -> Json | None:
    return None if of == "treatment" and place(r) not in world.by_mcode else r


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_diff_shows_just_what_an_edit_changes_and_remap_writes_it_once(edit: Edit, stand: Any) -> None:
    versions, was = stand.twin.count_versions(), stand.facts()
    expected = stand.expected(edit.becomes, edit.added)
    assert expected.places, "an edit that changes nothing shows nothing"
    old, new, on = stand.folder / "old.yaml", stand.folder / "new.yaml", ("--on", stand.records)
    new.write_text(edit.text(old.read_text(encoding="utf-8")), encoding="utf-8")
    settings = stand.settings(new, edit.site)

    shown = stand.told("mapping", "diff", old, new, *on, "--samples", 1000, "--new-config", settings)
    assert {(c["change"], c["resource_type"], c["field"]): c["resources"] for c in shown["counts"]} == expected.counts
    assert {(s["change"], f"{s['resource_type']}/{s['id']}") for s in shown["samples"]} == expected.places
    assert {e["path"] for e in shown["elements"]} == edit.paths
    for sample in shown["samples"]:
        expected.agrees_with(sample)

    wrote = stand.told("remap", *on, "--write", "--config", settings)
    assert (wrote["resources"], wrote["documents"]) == (expected.report, expected.documents)
    now = stand.facts()
    assert {at: stand.said(r) for at, r in now.items()} == expected.server
    untouched = now.keys() - {at for _, at in expected.places}
    assert {at: now[at] for at in untouched} == {at: was[at] for at in untouched}
    for change, at in expected.places:
        assert stand.history(at)[1:] == ([] if change == "added" else [was[at]])
    acts = expected.documents["written"] + len(expected.taken_back)  # their Provenances
    assert stand.twin.count_versions() == versions + len(expected.places) + acts

    versions = stand.twin.count_versions()
    again = stand.told("remap", *on, "--write", "--config", settings)
    assert stand.twin.count_versions() == versions
    assert set(again["documents"]) <= {"unchanged", "empty"}
    assert len(stand.terminologies()) == (1 if edit.site is None else 2), "Provenance says which tables made what"
