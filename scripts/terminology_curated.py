"""The rows that a person chose: the curated lists of scripts/terminology, each code looked up in its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from terminology_sources import DRUGBANK, HGNC, ICD10CM, LOINC, NCIT, SNOMED, UCUM, Found, Sources

LISTS = Path(__file__).parent / "terminology"
SHORTEST_ALIAS = 3
FAMILIES = {"generic": "stage", "ajcc": "AJCC stage", "figo": "FIGO stage", "lymphoma": "Ann Arbor stage"}
SYSTEMS = {"sct": SNOMED, "icd": ICD10CM, "nci": NCIT, "loinc": LOINC}


class Row(NamedTuple):
    """A row of a table."""

    concept: str
    role: str
    system: str = ""
    code: str = ""
    display: str = ""
    synonyms: str = ""
    source: str = "curated"


def listed(name: str) -> Any:
    """A curated list."""
    return yaml.safe_load((LISTS / f"{name}.yaml").read_text(encoding="utf-8"))


def text(concept: str, name: str, synonyms: Iterable[str] = ()) -> Row:
    """The row that names a concept."""
    return Row(concept, "text", display=name, synonyms="|".join(dict.fromkeys(s.lower() for s in synonyms)))


def coded(concept: str, role: str, found: Found) -> Row:
    """A row of a coding."""
    return Row(concept, role, found.system, found.code, found.display, "", found.source)


def by_key(sources: Sources, key: str) -> Found:
    """A code written as ``sct:123``."""
    system, code = key.split(":", 1)
    return sources.code(SYSTEMS[system], code)


def cancers(sources: Sources) -> Iterator[Row]:
    """cancers.csv: SNOMED CT first, then NCIt by MONDO, then ICD-10-CM."""
    for item in listed("cancers"):
        concept = item["id"]
        yield text(concept, item["name"], item.get("syn", ()))
        if "is_a" in item:
            yield Row(concept, "is-a", code=item["is_a"])
        if "sct" in item:
            yield coded(concept, "code", sources.code(SNOMED, str(item["sct"])))
        for key, namespace in (("sctm", "SCTID"), ("nci", "NCIT")):
            if key in item:
                yield coded(concept, "code", sources.mondo(item["mondo"], namespace, str(item[key])))
        if "broader" in item:
            yield coded(concept, "broader", sources.code(SNOMED, str(item["broader"])))
        if "icd" in item:
            exact = {"sct", "sctm", "nci"} & item.keys()
            yield coded(concept, "code" if exact else "broader", sources.code(ICD10CM, item["icd"]))
        if "icd_broader" in item:
            yield coded(concept, "broader", sources.code(ICD10CM, item["icd_broader"]))
        yield from sided(concept, sources, item.get("icd", item.get("icd_broader")))


def metastatic_sites(sources: Sources) -> Iterator[Row]:
    """metastatic_sites.csv: the secondary neoplasm and the body site."""
    yield text("left", "left", ["left-sided"])
    yield coded("left", "laterality", sources.code(SNOMED, "7771000"))
    yield text("right", "right", ["right-sided"])
    yield coded("right", "laterality", sources.code(SNOMED, "24028007"))
    yield text("bilateral", "bilateral", ["both"])
    yield coded("bilateral", "laterality", sources.code(SNOMED, "51440002"))
    for item in listed("metastatic_sites"):
        concept = item["id"]
        yield text(concept, item["name"], item.get("syn", ()))
        if "is_a" in item:
            yield Row(concept, "is-a", code=item["is_a"])
        for key, role, system in (
            ("sct", "code", SNOMED),
            ("icd", "code", ICD10CM),
            ("broader", "broader", SNOMED),
            ("site", "body_site", SNOMED),
        ):
            if key in item:
                yield coded(concept, role, sources.code(system, str(item[key])))
        yield from sided(concept, sources, item.get("icd"))


def sided(concept: str, sources: Sources, code: str | None) -> Iterator[Row]:
    """The codes of ICD-10-CM that stand in the place of one that tells no side, where a value tells it."""
    for side, found in sources.sided(code).items() if code else ():
        yield coded(concept, side, found)


def genes(sources: Sources) -> Iterator[Row]:
    """genes.csv: an alias counts where it is this gene's alone in all of HGNC (``Sources.owner``), or is on the list.

    One without a digit is mostly a word, a disease or a drug too (TEL, ARF, MTC): the list says which count.
    """
    content = listed("genes")
    refused = {str(word) for word in content["drop"]}
    kept = set(str(content["keep"]).split())
    for gene in (sources.gene(symbol) for symbol in sorted(set(content["symbols"].split()))):
        own = [a.casefold() for a in gene.aliases if any(map(str.isdigit, a)) or a.casefold() in kept]
        aliases = [
            alias
            for alias in own
            if len(alias) >= SHORTEST_ALIAS
            and alias not in refused
            and (alias in kept or sources.owner(alias) == gene.symbol)
        ]
        names = dict.fromkeys([*aliases, *content["also"].get(gene.symbol, ())])
        yield Row(gene.symbol.lower(), "gene", HGNC, gene.code, gene.symbol, "|".join(names), "hgnc")


def stages(sources: Sources) -> Iterator[Row]:
    """stages.csv: values of the generic, AJCC, FIGO and lymphoma families; T, N and M; what an observation needs."""
    content = listed("stages")
    for group in content["groups"]:
        base = group.rstrip("123").rstrip("ABCD")
        broad = by_key(sources, f"sct:{content['sct_group'][base]}")
        for family, label in FAMILIES.items():
            codes = _stage_codes(sources, content, family, group)
            if family != "generic" and not codes and family != "lymphoma":
                continue
            concept = f"{family}-{group.lower()}"
            yield text(concept, f"{label} {group}")
            kind = "tnm-group" if family == "ajcc" else family
            yield Row(concept, "kind", code=kind)
            yield from (coded(concept, "code", found) for found in codes)
            if not codes or (family == "generic" and group != base):
                yield coded(concept, "broader", broad)
    for axis, values in content["tnm"].items():
        for name, code in values.items():
            yield text(name.lower(), name)
            yield coded(name.lower(), axis, by_key(sources, f"sct:{code}"))
    for kind, roles in content["kinds"].items():
        yield from (coded(kind, role, by_key(sources, key)) for role, keys in roles.items() for key in keys)
    for method, (key, *names) in content["methods"].items():
        yield text(method, names[0], names[1:])
        yield coded(method, "method", by_key(sources, key))
    yield from (coded(axis, "observation", by_key(sources, key)) for axis, key in content["axes"].items())
    for concept, item in content["text_only"].items():
        yield text(concept, item["name"], item["syn"])
        yield Row(concept, "kind", code=item["kind"])


def _stage_codes(sources: Sources, content: Any, family: str, group: str) -> list[Found]:
    if family == "generic":
        keys = [f"sct:{content['sct_group'][group]}"] if group in content["sct_group"] else []
        keys += [f"nci:{content['nci'][group]}"] if group in content["nci"] else []
    else:
        system = {"ajcc": "sct", "figo": "nci"}.get(family)
        keys = [f"{system}:{content[family][group]}"] if system and group in content[family] else []
    return [by_key(sources, key) for key in keys]


def responses(sources: Sources) -> Iterator[Row]:
    """responses.csv: SNOMED CT as mCODE binds it, then the RECIST answer."""
    for item in listed("responses"):
        yield text(item["id"], item["name"], item.get("syn", ()))
        for key in ("sct", "loinc"):
            if key in item:
                yield coded(item["id"], "code", by_key(sources, f"{key}:{item[key]}"))
        if "broader" in item:
            yield coded(item["id"], "broader", by_key(sources, f"sct:{item['broader']}"))


def biomarkers(sources: Sources) -> Iterator[Row]:
    """biomarkers.csv: a LOINC code by the kind of result, and the units of a number."""
    roles = {"qual": "code", "quant": "quantity", "ihc": "ihc", "fish": "fish", "ratio": "ratio"}
    for item in listed("biomarkers"):
        yield text(item["id"], item["name"], item.get("syn", ()))
        if "is_a" in item:
            yield Row(item["id"], "is-a", code=item["is_a"])
        for key, role in roles.items():
            if key in item:
                yield coded(item["id"], role, by_key(sources, f"loinc:{item[key]}"))
        yield from (Row(item["id"], "unit", UCUM, unit, unit) for unit in item.get("unit", ()))


def biomarker_results(sources: Sources) -> Iterator[Row]:
    """biomarker_results.csv: what a marker's result may be."""
    for item in listed("biomarker_results"):
        yield text(item["id"], item["name"], item.get("syn", ()))
        yield from (coded(item["id"], "value", by_key(sources, key)) for key in item["codes"])


def treatments(sources: Sources) -> Iterator[Row]:
    """treatments.csv: drugs with their codings, regimens with their ingredients, procedures; each with its class."""
    for group in listed("treatments"):
        category = sources.code(SNOMED, str(group["category"]))
        for item in group["items"]:
            line, _, procedure = str(item).partition("@")
            line, _, parts = line.partition(">")
            name, *synonyms = (part.strip() for part in line.split("|"))
            name, _, official = (part.strip() for part in name.partition("="))
            concept = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
            yield text(concept, name, synonyms)
            yield Row(concept, "kind", code=group["kind"])
            if procedure:
                role = "broader" if procedure.startswith("<") else "code"
                yield coded(concept, role, sources.code(SNOMED, procedure.strip("< ")))
            elif not parts:
                yield from (coded(concept, "code", found) for found in sources.drug(official or name))
            for part in filter(None, (p.strip() for p in parts.split(","))):
                drug = next(found for found in sources.drug(part) if found.system == DRUGBANK)
                yield coded(concept, "ingredient", drug)
            yield coded(concept, "category", category)


BUILDERS = (cancers, metastatic_sites, genes, stages, responses, biomarkers, biomarker_results, treatments)
