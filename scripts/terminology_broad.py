"""The rows that no person chose: whole classes of the sources, beside what the curated lists hold.

The curated lists win. A wording that they already reach, by a table or by a rule of the library, is not taken in; one
that two concepts claim is left to neither. So the broad rows only code what was text before.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from terminology_curated import listed
from terminology_sources import DRUGBANK, HGNC, ICD10CM, SNOMED, Found, Sources

from medie_fhir.coding.hgvs import protein_change
from medie_fhir.coding.wording import fold, words

CANCER_ROOT = "0004992"  # MONDO: cancer
MALIGNANT_SECONDARY = "128462008"
BONE, NODE, SKIN = "94222008", "94392001", "94579000"
DRUG_THERAPY = "416608005"
SHORTEST = 6  # letters of a one-word wording: what is shorter is often an abbreviation of several things

_GPS_CANCER = re.compile(
    r"malignant (?:tumor|neoplasm|melanoma|lymphoma)|carcinoma|sarcoma|lymphoma|leukemia|melanoma|blastoma|myeloma"
    r"|mesothelioma|glioma|astrocytoma|seminoma|germinoma",
    re.IGNORECASE,
)
_NO_CANCER = re.compile(
    r"secondary|metasta|benign|\bdue to\b|history|recurren|\band/or\b|complicat|during|adenolymphoma|suspected|family"
    r"|carcinoid syndrome|remission|relapse|\bwith\b|associated|carcinomatosis|non-?malignant|disseminated"
    r"|in situ of .* and",
    re.IGNORECASE,
)
_NO_WORDING = re.compile(
    r"\((?:morphologic|disease|disorder|finding)|secondary|metasta|susceptib|, somatic|familial|hereditary"
)
_NO_SITE = re.compile(
    r"\b(?:left|right|bilateral|tooth|teeth|molar|incisor|premolar|canine|level of|segment|plane|region of interest"
    r"|cell|apparatus|system|part of|physeal|articular|disc|dental|arch of|zone|tract|reflex|chromosome|fetal|fetus"
    r"|embryo\w*|arterial|anatomical|vertex|surface)\b",
    re.IGNORECASE,
)
_STRUCTURE = (
    re.compile(r"^(?:Structure|Entire) of (?P<x>.+)$"),
    re.compile(r"^(?P<kind>Bone|Skin|Muscle|Skeletal muscle|Joint|Nerve) (?:structure|of structure) of (?P<x>.+)$"),
    re.compile(r"^(?P<x>.+) structure$"),
    re.compile(r"^Entire (?P<x>.+)$"),
    re.compile(r"^(?P<x>.*lymph node.*)$"),
)
_REGION = re.compile(r"^(?:thorax|head and/or neck|(?:upper|lower) limb)$")  # its bones are not the whole of it
_SECONDARY = re.compile(
    r"^(?:Secondary malignant neoplasm|Metastatic malignant neoplasm) (?:of|to) (?:the )?(?P<x>.+)$", re.IGNORECASE
)
_SYMBOL = re.compile(r"^(?=.*[A-Z].*[A-Z0-9])[A-Z][A-Za-z0-9]*(?:-[A-Z0-9]+)?$")
_DIGIT = re.compile(r"\d")
_ANTIGEN = re.compile(r"CD\d+[A-Za-z]?$")
# Words of a report of a variant that are a gene's alias too, in capitals.
_NO_GENE = frozenset(
    words(
        "all aml als and apl at bcc by car cat ccrcc cdna cgh chip cin cll cml cmv cnv cps crc ctdna cup dcis del "
        "dlbcl dna dmmr dup ebv er exon fap far fas fish fl for from gain gbm gene gist hcc hdr her high hiv hpv "
        "hr hrd hrr ibc idc idh ihc ilc in ins is ish itd lcis loh loss low luad lusc mcl mds met1 mm mmr mrd msi "
        "mss msih msil mut neg ngs nhl no nos not nsclc or par pal pcr pd pdac pdl1 pi3k pmmr pnet point pos ptc "
        "ptd pv ras rcc repeat rest rna rtk sclc set snp snv somatic tcc test the tki tmb tmz tnbc tos tps tumor "
        "type ucc variant vaf vus was wes wgs wild wt yes line type2 type1 p14 p15 p16 p21 p27 p300 "
    )
)


@dataclass
class Concept:
    """A concept to be: its slug, name, codings, the word of its kind, and the wordings that it claims."""

    slug: str
    name: str
    codings: list[tuple[str, Found]]
    kind: str | None = None
    wordings: list[str] = field(default_factory=list)


Reached = Callable[[str], bool]


def chosen(concepts: Iterable[Concept], reached: Reached, *, plurals: bool) -> Iterator[Concept]:
    """The concepts that have a wording of their own left, with those wordings; the first one is the name."""
    concepts = list(concepts)
    claims: dict[str, set[str]] = defaultdict(set)
    for concept in concepts:
        for wording in concept.wordings:
            claims[fold(wording, plurals=plurals)].add(concept.slug)
    for concept in concepts:
        left: dict[str, str] = {}
        for wording in concept.wordings:
            key = fold(wording, plurals=plurals)
            if len(key) >= SHORTEST - len(words(wording)) + 1 and len(claims[key]) == 1 and key not in left:
                left[key] = wording
        own = [wording for wording in left.values() if not reached(wording)]
        if own:
            yield Concept(concept.slug, own[0], concept.codings, concept.kind, own)


def turned(wording: str) -> list[str]:
    """A wording, and "Y X" for an "X of Y": one meaning in two orders."""
    match = re.match(r"^(?P<x>[^,()]+?) of (?:the )?(?P<y>[^,()]+)$", wording)
    if match is None or " of " in match["y"] or " and " in wording:
        return [wording]
    return [wording, f"{match['y']} {match['x']}"]


def cancers(sources: Sources, known: set[str]) -> list[Concept]:
    """Cancers of MONDO whose codes DOID has too, of the Global Patient Set, and of ICD-10-CM C00–D49.

    ``known`` are the SNOMED CT and NCIt codes of the curated list: their concepts get no twin.
    """
    found: list[Concept] = []
    taken = set(known)
    for term, name, names, codes in sources.agreed_cancers(CANCER_ROOT):
        if not taken.isdisjoint(found_.code for found_ in codes) or _NO_WORDING.search(name):
            continue
        taken |= {code.code for code in codes}
        wordings = [n for n in names if not _NO_WORDING.search(n)]
        found.append(Concept(f"mondo-{term}", name, [("code", c) for c in codes], None, wordings))
    for code, display in sources.gps("disorder"):
        if code not in taken and _GPS_CANCER.search(display) and not _NO_CANCER.search(display):
            kind = "in-situ" if "in situ" in display else None
            coding = Found(SNOMED, code, f"{display} (disorder)", "snomed-gps")
            found.append(Concept(f"sct-{code}", display, [("code", coding)], kind, turned(display)))
    by_wording = {fold(w, plurals=True): concept for concept in found for w in concept.wordings}
    for code, display, inclusions in sources.icd_leaves("C", "D"):
        if (kind := behaviour(code)) == "secondary":
            continue
        coding = Found(ICD10CM, code, display, "icd10cm")
        names = [display, *(bare(name) for name in (display, *inclusions))]
        twin = by_wording.get(fold(display, plurals=True)) or by_wording.get(fold(bare(display), plurals=True))
        if twin is not None and all(found_.system != ICD10CM for _, found_ in twin.codings):
            twin.codings.append(("code", coding))
            twin.wordings.append(code)
        else:
            found.append(Concept(f"icd-{code.lower()}", display, [("code", coding)], kind, [*names, *inclusions, code]))
    return found


def bare(name: str) -> str:
    """A wording of ICD-10-CM without what only says that nothing more is known."""
    return re.sub(r",? (?:NOS|unspecified)$", "", name)


def behaviour(code: str) -> str | None:
    """What an ICD-10-CM code of C00–D49 says of a neoplasm's behaviour; None: malignant and primary."""
    block = code[:3]
    if block in ("C77", "C78", "C79", "C7B"):
        return "secondary"
    if block < "D00":
        return None
    return "in-situ" if block < "D10" else "benign" if block < "D37" or block == "D3A" else "uncertain"


def structures(sources: Sources, known: set[str]) -> Iterator[Concept]:
    """Body structures of the Global Patient Set, as places of spread: of "Structure of X" and "Entire X" the first."""
    found: dict[str, tuple[str, str, str]] = {}
    for code, display in sources.gps("body structure"):
        match = next((m for pattern in _STRUCTURE if (m := pattern.match(display))), None)
        if match is None or _NO_SITE.search(display) or code in known:
            continue
        kind = (match.groupdict().get("kind") or "").lower()
        bare = kind == "" or (kind == "bone" and not _REGION.match(match["x"]))
        name = match["x"] if bare else f"{kind} of {match['x']}"
        key = fold(name, plurals=True)
        if key not in found or found[key][2].startswith("Entire"):
            found[key] = (code, name.lower(), display)
    for code, name, display in found.values():
        kinds = (("lymph node" in name, NODE), (display.startswith("Bone"), BONE), (name.startswith("skin"), SKIN))
        broader = next((broader for holds, broader in kinds if holds), MALIGNANT_SECONDARY)
        codings = [("broader", sources.code(SNOMED, broader)), ("body_site", sources.code(SNOMED, code))]
        yield Concept(f"site-{code}", name, codings, None, turned(name))


def sites(sources: Sources, known: set[str]) -> list[Concept]:
    """Secondary neoplasms and body structures of the Global Patient Set; ICD-10-CM C77–C79."""
    by_name = {fold(concept.name, plurals=True): concept for concept in structures(sources, known)}
    found: list[Concept] = []
    for code, display in sources.gps("disorder"):
        match = _SECONDARY.match(display)
        if match is None or code in known or " and " in display or "/" in display:
            continue
        twin = by_name.pop(fold(match["x"], plurals=True), None)
        site = [coding for coding in twin.codings if coding[0] == "body_site"] if twin else []
        codings = [("code", sources.code(SNOMED, code)), *site]
        found.append(Concept(f"sct-{code}", match["x"], codings, None, [*turned(match["x"].lower()), display]))
    for code, display, inclusions in sources.icd_leaves("C"):
        if behaviour(code) == "secondary":
            coding = ("code", Found(ICD10CM, code, display, "icd10cm"))
            found.append(Concept(f"icd-{code.lower()}", display, [coding], None, [display, *inclusions, code]))
    return [*by_name.values(), *found]


def drugs(sources: Sources, known: set[str]) -> list[Concept]:
    """The drugs of the list ``antineoplastics``: no source at hand tells which drugs are given for cancer."""
    category = ("category", sources.code(SNOMED, DRUG_THERAPY))
    chosen = set(listed("antineoplastics"))
    found = []
    for code, name in sources.drug_names():
        if code in known or name not in chosen:
            continue
        codings = [("code", Found(DRUGBANK, code, name, "drugbank-open")), *(("code", f) for f in sources.rxnorm(name))]
        slug = "-".join(words(name))
        found.append(Concept(slug, name.lower(), [*codings, category], "drug", [name.lower()]))
    return found


def genes(sources: Sources, known: set[str]) -> Iterator[tuple[str, Found, list[str]]]:
    """All protein-coding genes that the curated table lacks: symbol, code, aliases in HGNC's own letters.

    Of the aliases only those with a digit: TNM, MRI, ALT and COPD are some gene's alias too. A CD number is an antigen.
    """
    for gene in sorted(sources.protein_coding(), key=lambda g: g.symbol):
        if gene.code in known or not gene_like(gene.symbol):
            continue
        names = [
            alias
            for alias in dict.fromkeys(gene.aliases)
            if gene_like(alias)
            and _DIGIT.search(alias)
            and not _ANTIGEN.match(alias)
            and sources.owner(alias) == gene.symbol
        ]
        yield gene.symbol, Found(HGNC, gene.code, gene.symbol, "hgnc"), names


def gene_like(name: str) -> bool:
    """Whether capitals, length and form make a name a gene's wherever it stands; a change such as S100A is none."""
    long = len(name) > 2  # noqa: PLR2004
    return long and bool(_SYMBOL.match(name)) and name.casefold() not in _NO_GENE and protein_change(name) is None
