"""The second speciality: its task, mapping and tables are data, and everything else works on them as on oncology."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.document import note_text
from medie_fhir.model import CodedFact, DocumentInfo, ExtractionRecord, Outcome
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.wiring import assemble_pipeline

NOTES = Path(__file__).parents[2] / "examples" / "cardiology"
ANSWERS: dict[str, dict[str, str]] = yaml.safe_load((NOTES / "answers.yaml").read_text(encoding="utf-8"))
HEART_FAILURE, NSTEMI, AF = sorted(ANSWERS)
SETTINGS = Settings(task="cardiology", mapping="cardiology", readers=("model",))  # what is read is scripted
SNOMED = "http://snomed.info/sct"
ARCHIVE = "hl7.terminology.r4-7.0.1.tgz"


class AnsweringModel:
    """A ModelServer that says of a note what answers.yaml says, in the task's JSON."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields
        self._answers = {text_of(name): said for name, said in ANSWERS.items()}
        self.asked = 0

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked += 1
        text = request.messages[-1]["content"].split("Text: ", 1)[1]
        said = next((said for note, said in self._answers.items() if note.strip() == text.strip()), {})
        return ModelAnswer(json.dumps({field: said.get(field) for field in self._fields}), "stop")

    async def describe(self) -> ModelDescription:
        return ModelDescription("answers", "cardiology-ie", "d1g35t", "stub 1")


def text_of(name: str) -> str:
    return (NOTES / f"{name}.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def cardiology() -> Configuration:
    return Configuration(SETTINGS)


@pytest.fixture
def pipeline(cardiology: Configuration, twin: FhirTwin) -> Pipeline:
    model = AnsweringModel(cardiology.task.fields)
    return assemble_pipeline(SETTINGS, cardiology, model=model, source=twin, target=twin)


async def read(pipeline: Pipeline, text: str) -> ExtractionRecord:
    document = DocumentInfo(reference="DocumentReference/d1", subject={"reference": "Patient/p1"}, date="2026-01-01")
    return await pipeline.extract_text(document, note_text(text))


async def facts(pipeline: Pipeline, name: str) -> dict[tuple[str, str], CodedFact]:
    record = await read(pipeline, text_of(name))
    return {(fact.fact.field, fact.fact.value): fact for fact in pipeline.coded(record)}


def test_the_settings_name_it_and_its_own_tables_come_with_the_mapping(cardiology: Configuration) -> None:
    assert cardiology.mapping.file.task == cardiology.task.name == "cardiology"
    assert cardiology.tables.tables.keys() == cardiology.task.fields.keys() == cardiology.mapping.file.policy.keys()


async def test_what_the_notes_assert_is_written_with_its_code(pipeline: Pipeline) -> None:
    written = {
        (field, value, fact.concept.main.code if fact.concept.main else None)
        for name in ANSWERS
        for (field, value), fact in (await facts(pipeline, name)).items()
        if fact.written
    }
    assert written == {
        ("heart_disease", "ischemic heart disease", "414545008"),
        ("heart_disease", "heart failure with reduced ejection fraction", None),
        ("heart_disease", "mitral regurgitation", "48724000"),
        ("heart_disease", "hypertension", "38341003"),
        ("heart_disease", "non-ST-elevation myocardial infarction", "401314000"),
        ("heart_disease", "persistent atrial fibrillation", "440059007"),
        ("ejection_fraction", "28%", "10230-1"),
        ("ejection_fraction", "LVEF 52%", "10230-1"),
        ("ejection_fraction", "RVEF 48%", None),
        ("ejection_fraction", "LVEF 55-60%", None),
        ("nyha_class", "NYHA class III", "420913000"),
        ("rhythm", "sinus rhythm", "64730000"),
        ("rhythm", "sinus tachycardia", "11092001"),
        ("rhythm", "atrial fibrillation", "49436004"),
        *(
            ("medication", name, None)
            for name in ("bisoprolol", "ramipril", "spironolactone", "apixaban", "metoprolol")
        ),
        ("medication", "aspirin", "7947003"),
        ("medication", "prasugrel", "443312008"),
        ("medication", "heparin", "84812008"),
        ("procedure", "coronary angiography", "33367005"),
        ("procedure", "percutaneous coronary intervention", "415070008"),
        ("procedure", "cardioversion", "250980009"),
    }


@pytest.mark.parametrize(
    ("note", "field", "value", "reason"),
    [
        (HEART_FAILURE, "heart_disease", "atrial fibrillation", "asserted absent"),
        (HEART_FAILURE, "heart_disease", "pericardial effusion", "asserted absent"),
        (HEART_FAILURE, "heart_disease", "hypertrophic cardiomyopathy", "said of family"),
        (HEART_FAILURE, "medication", "clopidogrel", "asserted absent"),
        (HEART_FAILURE, "medication", "dapagliflozin", "asserted planned"),
        (HEART_FAILURE, "medication", "digoxin", "not found in the note"),
        (HEART_FAILURE, "procedure", "ICD implantation", "asserted planned"),
        (NSTEMI, "ejection_fraction", "45%", "not found in the note"),  # a stenosis
        (NSTEMI, "nyha_class", "class I", "not found in the note"),  # Killip's
        (AF, "nyha_class", "NYHA II", "not found in the note"),  # II-III
        (AF, "heart_disease", "pericarditis", "asserted absent"),
        (AF, "heart_disease", "infective endocarditis", "asserted possible"),
        (AF, "medication", "amiodarone", "asserted absent"),
        (AF, "procedure", "catheter ablation", "asserted possible"),
    ],
)
async def test_what_the_notes_do_not_assert_stays_out_and_says_why(
    pipeline: Pipeline, note: str, field: str, value: str, reason: str
) -> None:
    fact = (await facts(pipeline, note))[field, value]
    assert (fact.written, fact.reason) == (False, reason)


async def test_a_note_goes_from_its_event_to_the_server_and_is_taken_back(
    pipeline: Pipeline, twin: FhirTwin, event: Callable[..., bytes]
) -> None:
    (note,) = await pipeline.events(event(text_of(NSTEMI)))
    published = await pipeline.publish(await pipeline.extract(note))  # type: ignore[arg-type] # it is a note
    assert published.outcome == "written"
    kinds = ("Condition", "Observation", "MedicationStatement", "Procedure")
    made = {kind: await twin.search(kind, {"_count": "50"}) for kind in kinds}
    assert {kind: len(found) for kind, found in made.items()} == dict(zip(kinds, (2, 3, 3, 2), strict=True))
    quantities = [o["valueQuantity"] for o in made["Observation"] if "valueQuantity" in o]
    assert quantities == [{"value": 52, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}]
    (gone,) = await pipeline.events(event(text_of(NSTEMI), version="2", status="entered-in-error"))
    assert (await pipeline.publish(await pipeline.extract(gone))).retracted == sum(map(len, made.values()))  # type: ignore[arg-type] # as above
    for kind in ("MedicationStatement", "Procedure"):
        assert {found["status"] for found in await twin.search(kind, {"_count": "50"})} == {"entered-in-error"}


async def test_a_note_that_says_nothing_of_the_heart_is_not_shown_to_the_model(pipeline: Pipeline) -> None:
    record = await read(pipeline, "Closed fracture of the left ankle, cast for six weeks. No other complaints.")
    assert (record.outcome, pipeline.model.worked) == (Outcome.TRIAGED, 0)  # type: ignore[attr-defined] # it is watched


def test_no_code_stands_for_two_meanings_within_a_table(cardiology: Configuration) -> None:
    for table in cardiology.tables.tables.values():
        codes = Counter(c.code for entry in table.entries.values() for c in entry.codings.get("code", ()))
        assert [code for code, times in codes.items() if times > 1] == []


@pytest.mark.skipif(not os.environ.get("MEDIE_TEST_TERMINOLOGY"), reason="MEDIE_TEST_TERMINOLOGY is not set")
def test_every_snomed_code_is_in_the_global_patient_set_with_its_display(cardiology: Configuration) -> None:
    with tarfile.open(Path(os.environ["MEDIE_TEST_TERMINOLOGY"]) / ARCHIVE) as files:
        member = files.extractfile("package/ValueSet-snomed-intl-gps.json")
        assert member is not None
        includes = json.load(member)["compose"]["include"]
    known = {c["code"]: c["display"] for include in includes for c in include.get("concept", ())}
    tables = {
        (coding.code, coding.display)
        for table in cardiology.tables.tables.values()
        for entry in table.entries.values()
        for coding in entry.codings.get("code", ())
        if coding.system == SNOMED
    }
    stated = yaml.safe_load(shipped("mappings", "cardiology.yaml").read_text(encoding="utf-8"))
    nyha = next(t for t in stated["templates"] if t["field"] == "nyha_class")["resource"]["code"]["coding"][0]
    assert [code for code, display in tables | {(nyha["code"], nyha["display"])} if known.get(code) != display] == []
