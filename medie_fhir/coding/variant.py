"""gene_mutation: gene (two for a fusion), change as HGVS, presence, origin, kind. Every word must be known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from medie_fhir.coding.cytogenetic import cytogenetic_kind
from medie_fhir.coding.hgvs import coding_change, protein_change
from medie_fhir.coding.lookup import coding_key, text_only
from medie_fhir.coding.notation import histone_change, means_any, readable
from medie_fhir.coding.tables import Entry, Named, Table, Tables
from medie_fhir.coding.wording import plain
from medie_fhir.model import Coding, Concept

__all__ = ["code_variant"]

_ABSENT = re.compile(
    r"\b(?:wild[ -]?type|wt|not (?:detected|found|identified|mutated|present|rearranged|amplified)|negative|unmutated|"
    r"no (?:mutations?|variants?|alterations?|rearrangements?|fusions?)(?: (?:detected|found|identified))?|absent|"
    r"undetected|non-?mutated)\b"
)
_ORIGIN = re.compile(r"\b(germ-?line|hereditary|inherited|somatic)\b")
_EXON = re.compile(r"\bexons? (\d{1,2})\b")
_CODON = re.compile(r"\bcodon (\d{1,4})\b")
_PLACE = re.compile(
    r"(?<![a-z0-9])(?!t1[0-2])(?:p\.)?[acdefghiklmnpqrstvwy]([1-9]\d{1,3})(?![a-z0-9])"
)  # "V600": a codon
_KINDS = (
    ("fusion", re.compile(r"\bfusions?\b|\btranslocations?\b")),
    ("rearrangement", re.compile(r"\brearrange(?:ments?|d)\b")),
    ("amplification", re.compile(r"\bamplifi(?:cations?|ed)\b|\bcopy number gains?\b")),
    ("exon skipping", re.compile(r"\b(?:exon )?skipping\b")),
    ("internal tandem duplication", re.compile(r"\bitd\b|\binternal tandem duplications?\b")),
    ("deletion", re.compile(r"\bdeletions?\b|\bdeleted\b|\bdels?\b|\bcopy number loss(?:es)?\b")),
    ("insertion", re.compile(r"\binsertions?\b|\bins\b")),
    ("duplication", re.compile(r"\bduplications?\b")),
    ("frameshift", re.compile(r"\bframe-?shift\b")),
    ("truncation", re.compile(r"\btruncat(?:ing|ions?|ed)\b|\bnonsense\b|\bstop-?gain(?:ed)?\b")),
    ("splice site", re.compile(r"\bsplice(?:[ -]site)?\b")),
    ("missense", re.compile(r"\bmissense\b")),
    ("loss", re.compile(r"\bloss\b")),  # of the gene or of its protein: not told
    ("promoter mutation", re.compile(r"\bpromoter\b")),
)
_ALONE = ("amplification", "deletion", "fusion", "insertion", "missense")  # one value is never two of these
_NO_SUBSTITUTION = frozenset({*_ALONE[:4], "duplication", "internal tandem duplication", "rearrangement"})
_SUBSTITUTION = re.compile(r"^p\.[A-Z][a-z]{2}\d+[A-Z][a-z]{2}$")
_FUNCTION = re.compile(r"\b(?:loss|gain)[ -]of[ -]function\b")
_TOLD = re.compile(
    r"mutat|mutant|variant|alter|aberrat|pathogenic|deleterious|activating|oncogenic|driver|germ-?line|somatic|wild|zygous|"
    r"allelic|carrier|\b(?:loss|gain)\b|promoter|hotspot|\bwt\b"
)
_STAIN = re.compile(r"\b(?:positive|negative)\b")
# "HER2 positive", "p53 positive", "CD5 positive": the protein is stained for, no change of the gene is told.
_STAINED = frozenset(
    {"AR", "BCL2", "BCL6", "CCND1", "CD274", "ERBB2", "ESR1", "GATA3", "KIT", "MGMT", "MYC", "TP53", "TP63"}
)
_ANTIGEN = re.compile(r"^CD\d+[A-Z]?$")
_FILLER = re.compile(
    r"\b(?:mutations?|mutated|mutants?|variants?|alterations?|altered|aberrations?|pathogenic|likely|deleterious|activating|"
    r"inactivating|sensitizing|sensitising|resistance|oncogenic|driver|positive|detected|identified|found|present|known|genes?|"
    r"heterozygous|homozygous|biallelic|carriers?|acquired|somatically|classical?|hotspot|point|in|of|the|a|an|at|by|ngs|"
    r"pcr|fish|ihc|with|and|status|protein|change|function|tumou?r|tissue|blood|novel|common|rare|gain|cdna|dna)\b"
)
_LEGACY = re.compile(
    r"(?<![a-z0-9.])(\d{1,5}(?:_\d{1,5})?(?:del|ins|dup)[acgt]{1,6}|\d{2,5}[acgt]>[acgt]|c\d{3}t|"
    r"[acgt]\d{4,5}[acgt])(?![a-z0-9>])"
)
_NUCLEOTIDE = re.compile(r"(?<![a-z0-9.])(?:[acgt]\d{4,5}[acgt]|\d{2,5}[acgt]>[acgt])(?![a-z0-9])")
_HYPHENED = re.compile(r"\b([a-z]{2,6})-(\d{1,2}[a-z]?\d?)\b")
_FUSED = re.compile(r"^\s*(?:::|--|-|/|:)\s*$")
_NOISE = re.compile(r"[\s()\[\],;:/-]+")


def code_variant(value: str, tables: Tables) -> Concept:
    """The Concept of a variant: roles ``gene`` and ``code`` (HGNC); attributes of docs/terminology.md.

    The genes of the table ``genes`` are known in any letters. What they leave unknown is read again with all others
    (``hgnc``), whose symbols count only as HGNC writes them: many of them are words too. A change of chromosomes
    names no gene, and has no code.
    """
    concept = _parsed(value, tables["genes"], {})
    if concept.match == "none" and "hgnc" in tables.tables and (rarer := _rarer(value, tables["hgnc"])):
        again = _parsed(value, tables["genes"], rarer)
        concept = concept if again.match == "none" else again
    if concept.match == "none" and (kind := cytogenetic_kind(plain(value))) is not None:
        return Concept(concept.key, {}, {"kind": kind, "presence": "present"}, "rule")
    return concept


def _rarer(value: str, table: Table) -> dict[str, Entry]:
    """The symbols of a value by their plain form. Where all is in capitals they need a digit, or to stand alone."""
    shouted = value == value.upper()
    named = {value[start:end]: entry for entry, start, end in table.named(value)}
    return {
        plain(symbol): entry
        for symbol, entry in named.items()
        if not shouted or symbol == value.strip() or any(letter.isdigit() for letter in symbol)
    }


def _parsed(value: str, table: Table, rarer: Mapping[str, Entry]) -> Concept:
    attributes: dict[str, Any] = {}
    text = _changes(readable(value), attributes)
    genes, text, fused = _genes(_HYPHENED.sub(lambda m: _joined(m, table), text), table, rarer)
    text = _qualities(text, attributes, fused=fused)
    if _NOISE.sub("", text) or not (genes or "hgvs_p" in attributes or "hgvs_c" in attributes):
        return text_only(value)
    if len(genes) > 1 and attributes["kind"] not in ("fusion", "rearrangement"):
        return text_only(value)
    if not genes:
        return text_only(value, **attributes)
    if (legacy := histone_change(genes[0].name, value)) is not None:
        attributes["legacy"] = legacy
        attributes.pop("hgvs_p", None)
    told = _told(value, attributes) or _named(value, genes[0], rarer)
    if not told or means_any(genes[0].name, value):
        return text_only(value)
    return _concept(genes, attributes)


def _told(value: str, attributes: Mapping[str, Any]) -> bool:
    """Whether a change is told at all, beside the gene's name: else a stain, or another word, may be meant."""
    what = {"hgvs_p", "hgvs_c", "legacy", "exon", "codon"} & attributes.keys()
    return bool(what) or attributes["kind"] != "mutation" or _TOLD.search(plain(value)) is not None


def _named(value: str, gene: Entry, rarer: Mapping[str, Entry]) -> bool:
    """Whether a name with nothing but words such as "positive" or "detected" is still a gene's.

    It stands in capitals or has a digit ("met", "eGFR" and "max" are none). One of the rarer genes has a digit, and is
    written as its symbol ("PTH", "CK7" are none). What is stained for is none either.
    """
    symbol = gene.name
    if _STAIN.search(plain(value)) and (symbol in _STAINED or gene in rarer.values()):
        return False
    if gene in rarer.values():
        return symbol in value and any(map(str.isdigit, symbol)) and not _ANTIGEN.match(symbol)
    return any(map(str.isdigit, value)) or any(word == word.upper() for word in re.findall(r"[A-Za-z]{2,}", value))


def _concept(genes: list[Entry], attributes: dict[str, Any]) -> Concept:
    codings: tuple[Coding, ...] = tuple(gene.codings["gene"][0] for gene in genes)
    roles = {"gene": codings} if len(codings) > 1 else {"gene": codings, "code": codings}
    what = next((str(attributes[name]) for name in ("hgvs_p", "hgvs_c", "legacy") if name in attributes), None)
    if what is None:
        exon = f"exon {attributes['exon']} " if "exon" in attributes else ""
        codon = f"codon {attributes['codon']} " if "codon" in attributes else ""
        what = "" if attributes["kind"] == "mutation" and not exon + codon else f"{exon}{codon}{attributes['kind']}"
    absent = "absent" if attributes["presence"] == "absent" else ""
    key = "|".join(part for part in ("|".join(coding_key(coding) for coding in codings), what, absent) if part)
    return Concept(key, roles, attributes, "rule", genes[0].row)


def _changes(text: str, attributes: dict[str, Any]) -> str:
    """The text without its changes; the first of each notation is kept, a second one is left, and so refused."""
    if "promoter" in text or "tert" in text or _NUCLEOTIDE.search(text):  # C228T is a place in the promoter, no residue
        text = _legacy(text, attributes)
    for token in _tokens(text):
        bare = token.strip("()[],;:")
        if "hgvs_p" not in attributes and (change := protein_change(bare)) is not None:
            attributes["hgvs_p"] = change
        elif "hgvs_c" not in attributes and (change := coding_change(bare)) is not None:
            attributes["hgvs_c"] = change
        else:
            continue
        text = text.replace(bare, " ", 1)
    return _legacy(text, attributes)


def _legacy(text: str, attributes: dict[str, Any]) -> str:
    """The text without a change in an older notation (185delAG), which is kept as it is written."""
    legacy = None if "legacy" in attributes else _LEGACY.search(text)
    if legacy is None:
        return text
    attributes["legacy"] = legacy[1]
    return text.replace(legacy[1], " ", 1)


def _tokens(text: str) -> Iterator[str]:
    for token in text.split():
        yield token
        if "(" in token.strip("()"):
            yield from token.replace("p.(", "p.").replace("(", " ").replace(")", " ").split()


def _joined(match: re.Match[str], table: Table) -> str:
    """BRCA-2 as BRCA2, where that is a gene."""
    return match[1] + match[2] if table.find(match[1] + match[2]) else match.group()


def _genes(text: str, table: Table, rarer: Mapping[str, Entry]) -> tuple[list[Entry], str, bool]:
    """The genes that are named, the text without them, and whether two are written as one word (BCR-ABL1)."""
    found: list[Entry] = []
    spans: list[tuple[int, int]] = []
    hits = list(table.named(text))
    for symbol, entry in rarer.items():
        own = re.finditer(rf"(?<![a-z0-9]){re.escape(symbol)}(?![a-z0-9])", text)
        hits += [Named(entry, *m.span()) for m in own if all(m.end() <= h.start or h.end <= m.start() for h in hits)]
    for entry, start, end in sorted(hits, key=lambda hit: hit.start):
        if all(gene is not entry for gene in found):
            found.append(entry)
        spans.append((start, end))
    fused = len(found) > 1 and bool(_FUSED.match(text[spans[0][1] : spans[1][0]])) and len(found) == 2  # noqa: PLR2004
    for start, end in reversed(spans):
        text = f"{text[:start]} {text[end:]}"
    return found, " ".join(text.split()), fused


def _several(text: str, kinds: list[str], attributes: Mapping[str, Any], *, fused: bool) -> bool:
    """Whether more than one change is told: "exon 19 deletion and T790M", "exon 19 deletion, exon 20 insertion"."""
    if len(set(_EXON.findall(text))) > 1 or sum(kind in _ALONE for kind in kinds) > 1:
        return True
    substituted = _SUBSTITUTION.match(str(attributes.get("hgvs_p", ""))) is not None
    return substituted and (fused or not _NO_SUBSTITUTION.isdisjoint(kinds))


def _qualities(text: str, attributes: dict[str, Any], *, fused: bool) -> str:
    """Fills presence, origin, exon, codon and kind; gives what is left of the text."""
    attributes["presence"] = "absent" if _ABSENT.search(text) else "present"
    text = _ABSENT.sub(" ", text)
    if (origin := _ORIGIN.search(text)) is not None:
        attributes["origin"] = "somatic" if origin[1] == "somatic" else "germline"
        text = _ORIGIN.sub(" ", text)
    text = _FUNCTION.sub(" ", text)
    kinds = [kind for kind, pattern in _KINDS if pattern.search(text)]
    if _several(text, kinds, attributes, fused=fused):
        return f"{text} several"
    for name, pattern in (("exon", _EXON), ("codon", _CODON), ("codon", _PLACE)):
        if name not in attributes and (number := pattern.search(text)) is not None:
            attributes[name] = int(number[1])
            text = pattern.sub(" ", text)
    for _, pattern in _KINDS:
        text = pattern.sub(" ", text)
    slashed = "/" in text or attributes["presence"] == "absent"
    attributes["kind"] = kinds[0] if kinds else "fusion" if fused and not slashed else "mutation"
    return _FILLER.sub(" ", text)
