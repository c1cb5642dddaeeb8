"""A hospital with stored extraction records, and a FHIR server that holds what the default mapping made of them."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consumers.cli.app import app
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.fhir_names import VERIFICATION_SYSTEM
from medie_fhir.model import Json
from medie_fhir.shipped import shipped
from medie_fhir.transaction import STAMPS, place, transaction

GOLDEN = Path(__file__).parents[3] / "golden"
DOCUMENTS = (
    "document-full",
    "everything",
    "everything-no-date",
    "grade",
    "marker-number",
    "marker-score",
    "marker-several",
    "metastases-several",
    "metastasis-lateral",
    "nothing-said",
    "primary-and-family",
    "primary-no-code",
    "response-mixed",
    "response-words-only",
    "sample-12-renal-ct",
    "sample-18-two-primaries-progress",
    "sample-29-thyroid-phone-note",
    "stage-generic",
    "stage-tnm-clinical",
    "stage-words-only",
    "three-primaries",
    "treatment-combination",
    "treatment-drug",
    "treatment-planned",
    "treatment-surgery",
    "treatments-of-every-kind",
    "variant-wild-type",
)
FACTS = ("Condition", "MedicationRequest", "Observation", "Procedure")
PATIENT = {
    "resourceType": "Patient",
    "id": "golden",
    "identifier": [{"system": "https://ehr.example.org/mrn", "value": "4711"}],
}


@dataclass(frozen=True)
class World:
    """What stood before, by its place; the records; and what mcode.yaml makes of them, by the golden bundles."""

    before: Mapping[str, Json]
    records: list[Json]
    by_mcode: Mapping[str, Json]

    def assertions(self, value: str) -> set[str]:
        """What the notes say of a treatment."""
        facts = (f for record in self.records for f in record["facts"])
        return {f["assertion"] for f in facts if (f["field"], f["value"]) == ("treatment", value)}


Becomes = Callable[[Json, str, World], Json | None]


class Expected:
    """What an edit must come to: on the server, in the difference, and in the report."""

    def __init__(self, world: World, after: Mapping[str, Json | None], added: Mapping[str, Json]) -> None:
        self._before, self._after = world.before, {at: r for at, r in {**after, **added}.items() if r}
        self.server = {at: in_error(r) for at, r in world.before.items()} | self._after
        every = {at: self._change(at) for at in self.server}
        self.places = {(change, at) for at, change in every.items() if change != "unchanged"}
        fields = {at: field_of(world.before.get(at) or added[at]) for at in every}
        self.counts = dict(Counter((change, at.partition("/")[0], fields[at]) for at, change in every.items()))
        self.report: dict[str, Counter[str]] = {}
        words = {"added": "created", "changed": "updated"}
        for at, change in every.items():
            self.report.setdefault(fields[at], Counter())[words.get(change, change)] += 1
        notes = {
            change: {self._note(at) for c, at in self.places if c == change}
            for change in ("added", "changed", "retracted")
        }
        self.taken_back = notes["retracted"]
        written = len(set().union(*notes.values()))
        known = len({self._note(at) for at in world.before})
        documents = {"written": written, "unchanged": known - written, "empty": len(world.records) - known}
        self.documents = {name: count for name, count in documents.items() if count}

    def agrees_with(self, sample: Json) -> None:
        """Every value that a difference shows is what stood, or what must come."""
        at = f"{sample['resource_type']}/{sample['id']}"
        if "resource" in sample:
            assert sample["resource"] == (self._after if sample["change"] == "added" else self._before)[at]
        for element in sample.get("elements", ()):
            assert element.keys() & {"old", "new"}
            for side, resources in (("old", self._before), ("new", self._after)):
                if side in element:
                    assert element[side] == at_path(resources[at], element["path"])

    def _change(self, at: str) -> str:
        if at not in self._before:
            return "added"
        if at not in self._after:
            return "retracted"
        return "unchanged" if self._after[at] == self._before[at] else "changed"

    def _note(self, at: str) -> str:
        return str(self.server[at]["meta"]["source"])


def at_path(resource: Json, path: str) -> Any:
    """What stands at ``Observation.code.coding[0].code``."""
    value: Any = resource
    for step in re.findall(r"\w+", path.partition(".")[2]):
        value = value[int(step) if step.isdigit() else step]
    return value


def in_error(resource: Json) -> Json:
    """A resource that was taken back: it stays, and says that it should never have been (FHIR R4)."""
    if resource["resourceType"] != "Condition":
        return resource | {"status": "entered-in-error"}
    status = {"coding": [{"system": VERIFICATION_SYSTEM, "code": "entered-in-error"}]}
    return {k: v for k, v in resource.items() if k != "clinicalStatus"} | {"verificationStatus": status}


def field_of(r: Json) -> str:
    """Which field a resource is made of, by its codes."""
    codes = set(re.findall(r"'code': '([^']+)'", str([r.get("category"), r.get("code")])))
    if r["resourceType"] in ("MedicationRequest", "Procedure") or "therapy" in codes:
        return "treatment"
    known = {
        "372087000": "cancer_type",
        "128462008": "metastasis_site",
        "69548-6": "gene_mutation",
        "97509-4": "response",
        "250724005": "biomarker",
        "385356007": "stage",
        "C18000": "stage",
    }
    return next(name for code, name in known.items() if code in codes)


@dataclass(frozen=True)
class Stand:
    """A folder with records and mappings, and a server that remaps write to."""

    folder: Path
    twin: FhirTwin
    base_url: str

    @property
    def records(self) -> Path:
        return self.folder / "records.ndjson"

    def settings(self, mapping: Path, site_cancers: str | None = None) -> Path:
        """A settings file (JSON is YAML too), with rows of the site's own where some are given."""
        values: Json = {"fhir": {"base_url": self.base_url}, "mapping": str(mapping)}
        if site_cancers is not None:
            site = self.folder / "site"
            site.mkdir()
            (site / "cancers.csv").write_text(site_cancers, encoding="utf-8")
            values["site_terminology"] = str(site)
        file = mapping.with_suffix(".settings.yaml")
        file.write_text(json.dumps(values), encoding="utf-8")
        return file

    def told(self, *arguments: str | Path) -> Any:
        """What a command tells as JSON, which must end well."""
        done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)

    def facts(self) -> dict[str, Json]:
        """All that was made of facts, by its place, with all that the server says of it."""
        return {place(r): r for kind in FACTS for r in self.twin.current(kind)}

    def expected(self, becomes: Becomes, added: Callable[[World], Mapping[str, Json]]) -> Expected:
        """What an edit must come to, told from what stands now."""
        lines = self.records.read_text(encoding="utf-8").splitlines()
        files = [GOLDEN / "bundles" / "mcode" / f"{name}.json" for name in DOCUMENTS]
        made = [e["resource"] for f in files if f.exists() for e in json.loads(f.read_text())["entry"]]
        by_mcode = {place(r): self.said(r) for r in made if r["resourceType"] in FACTS}
        before = {at: self.said(r) for at, r in self.facts().items()}
        world = World(before, [json.loads(line) for line in lines], by_mcode)
        return Expected(
            world, {at: becomes(copy.deepcopy(r), field_of(r), world) for at, r in before.items()}, added(world)
        )

    @staticmethod
    def said(resource: Json) -> Json:
        """A resource without what the server adds, and without the digest of its content."""
        meta = {k: v for k, v in resource["meta"].items() if k not in ("versionId", "lastUpdated")}
        meta["source"] = meta["source"].partition("#")[0]  # HAPI puts the request's id behind it
        return resource | {"meta": meta, "identifier": [i for i in resource["identifier"] if i["system"] != STAMPS]}

    def terminologies(self) -> set[str]:
        """The tables that Provenances name."""
        named = (e["what"].get("identifier", {}) for p in self.twin.current("Provenance") for e in p["entity"])
        return {i["value"] for i in named if i and i["system"].endswith("/terminology")}

    def history(self, at: str) -> list[Json]:
        """All versions, newest first."""
        return asyncio.run(self.twin.history(*at.split("/")))


@contextmanager
def stand_in(folder: Path) -> Iterator[Stand]:
    with FhirTwin(folder / "server.sqlite") as twin, FhirTwinServer(twin) as server:
        yield Stand(folder, twin, server.base_url)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after the first publishing, by the default mapping as it is shipped."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copy(shipped("mappings", "default.yaml"), folder / "old.yaml")
    with stand_in(folder) as stand:
        asyncio.run(stand.twin.transact(transaction([PATIENT])))
        lines = [json.loads((GOLDEN / "extractions" / f"{name}.json").read_text()) for name in DOCUMENTS]
        stand.records.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        told = stand.told("remap", "--on", stand.records, "--write", "--config", stand.settings(folder / "old.yaml"))
        assert not told["failed"]
    return folder


@pytest.fixture
def stand(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.delenv("MEDIE_CONFIG", raising=False)
    folder = tmp_path / "stand"
    shutil.copytree(published, folder)
    with stand_in(folder) as made:
        yield made
