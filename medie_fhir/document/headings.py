"""The headings of clinical notes, and the kind of section that each opens.

The words are those seen in transcribed, pathology, radiology and EHR-made notes and in LOINC's document ontology
section names. Only a heading of this list opens a section, with one exception: an unknown heading in capitals ends a
section whose kind changes what is asserted (else a relative's disease would spread over the rest of the note).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Heading", "headings"]


class Heading(NamedTuple):
    """Where a heading starts, the kind of its section, whether it has its line to itself or stands amid a line."""

    start: int
    kind: str
    alone: bool
    inline: bool


_PHRASES = {
    "family_history": "family (?:medical |cancer |oncologic(?:al)? |health )?(?:history|hx)|fhx?|familial history",
    "past_history": "(?:past |prior |previous |other )+(?:medical|surgical|medical and surgical|medical/surgical)? ?"
    "(?:history|hx)|(?:medical|surgical) (?:history|hx)|pmhx?|pshx?|pmh/psh|comorbidities|co-morbidities|"
    "past oncologic(?:al)? history",
    "social_history": "(?:social|personal|occupational|tobacco|smoking|substance use) (?:history|hx)|shx|habits",
    "history_of_present_illness": "history of (?:the )?present(?:ing)? illness|hpi|present illness|interval history|"
    "(?:clinical|oncologic(?:al)?|oncology|cancer|treatment|brief|case|disease|present) history|history|"
    "chief complaint|reason for (?:visit|consultation|consult|admission)|presenting complaint|subjective|"
    "interim history|history and physical|case (?:presentation|report)|presentation",
    "medications": "(?:current |home |discharge |admission |outpatient |present |active )*"
    "(?:medications?|meds|medication list|drugs)(?: on admission| at discharge| prior to admission)?|"
    "medications? administration|prescriptions",
    "allergies": "(?:drug |medication |known )?allerg(?:ies|y)(?: list| and intolerances)?",
    "review_of_systems": "(?:review of (?:systems|symptoms)|systems review|ros)",
    "physical_exam": "physical(?: examination| exam)?|exam(?:ination)?|objective|vital signs|vitals|on examination|"
    "general appearance|clinical examination",
    "findings": "(?:operative |gross |intraoperative |imaging |ct |mri |pet(?:/ct)? )*findings",
    "specimen": "specimens?(?: submitted| received| source| type)?|(?:gross|macroscopic) (?:description|examination)|"
    "macroscopy|tissue submitted",
    "pathology": "(?:surgical )?pathology(?: report| results?| data| findings)?|microscopic (?:description|"
    "examination|findings)|microscopy|histology|histopathology|synoptic report|immunohistochemistry|addendum|"
    "pathologic(?:al)? findings|molecular (?:studies|results|findings|pathology)",
    "diagnosis": "(?:pre-?operative |post-?operative |final |discharge |admission |admitting |principal |primary |"
    "secondary |other |pathologic(?:al)? |clinical |frozen section |oncologic(?:al)? |cancer |working )*"
    "diagnos[ie]s(?: list)?|problem list|active problems|problems",
    "assessment": "assessment|impressions?|conclusions?|interpretation|summary|formulation|opinion",
    "plan": "(?:treatment |management |care )?plans?(?: of care)?|disposition|follow-?up(?: plan)?|"
    "(?:discharge |transfer |patient )?instructions|orders|to do|next steps",
    "recommendation": "recommendations?|recommended|advice|suggestions?",
    "procedure": "(?:operative |surgical |description of |name of |title of )?procedures?"
    "(?: performed| in detail| note| details)?|operations?(?: performed)?|operative (?:note|report|course)|technique|"
    "surger(?:y|ies)|anesthesia|complications|estimated blood loss|details of (?:the )?(?:procedure|operation)",
    "imaging": "imaging(?: studies| results)?|radiology(?: data| results| report)?|radiographic (?:data|studies)|"
    "comparison|narrative|diagnostic (?:imaging|studies|data)|x-?rays?|ct|mri|pet/ct|mammogram|ultrasound|"
    "e[ck]g|electrocardiogra(?:m|phy)|(?:tt|te)e|echo(?:cardiogra(?:m|phy))?|telemetry|holter(?: monitor)?",
    "laboratory": "(?:recent |pertinent )?lab(?:oratory|s)?(?: data| studies| results?| values| work| findings| tests)?"
    "|tumou?r markers?|biomarkers?|genetic testing|molecular testing",
    "hospital_course": "(?:brief |clinical )?(?:hospital |emergency department |ed |icu )?course(?: in (?:the )?"
    "hospital)?|hospital course by (?:system|problem)|summary of (?:hospital )?(?:course|stay)",
    "indication": "(?:clinical |surgical )?indications?(?: for (?:the )?(?:procedure|surgery|operation|exam|study))?|"
    "reason for (?:the )?(?:exam(?:ination)?|study|procedure|test)|clinical (?:information|data|question|details)|"
    "preoperative indications?",
}
_KINDS = tuple(_PHRASES)
_PHRASE = "|".join(f"(?P<{kind}>{phrases})" for kind, phrases in _PHRASES.items())
_SECOND = "|".join(_PHRASES.values())
_NAMED = rf"(?:{_PHRASE})(?:\s?(?:/|&|,|\band\b)\s?(?:{_SECOND}))?(?:\s?\([^)\n]{{0,40}}\))?"

_AT_LINE = re.compile(
    rf"^[^\S\n]*(?=[a-z#*=_\d])(?P<heading>(?:[#*=_]+[^\S\n]*|\d{{1,2}}[.)][^\S\n]+)?{_NAMED})"
    rf"(?:\s?(?P<colon>:|\s-\s)(?:[*_]+)?|[^\S\n]*[*=_]*[^\S\n]*$)",
    re.IGNORECASE | re.MULTILINE,
)
# Amid a line a colon is needed, and either a full stop before it, a capital, or a word that is hardly ever else.
_AMID = re.compile(
    rf"(?=[A-Za-z])(?:(?<=[.;:!?)]\s)|(?<=\s\s)|(?<=[\w,]\s)(?=[A-Z]|findings:|impression:|technique:|comparison:|indication:))"
    rf"(?P<heading>(?i:{_NAMED}))\s?:(?=\s|\Z)"
)
_UNKNOWN = re.compile(r"^[^\S\n]*(?P<heading>[A-Z][A-Z0-9 /&()'-]{3,48}):(?=\s|$)", re.MULTILINE)
_UNDER = re.compile(
    r"(?:MOTHER|FATHER|SISTER|BROTHER|SIBLING|MATERNAL|PATERNAL|AUNT|UNCLE|COUSIN|GRAND\w+|SON|DAUGHTER|CHILD|PARENT|"
    r"RELATIVE|CANCER|BREAST|OVARIAN|COLON|DIABETES|HEART)"
)
_ASSERTING = frozenset(
    ("family_history", "past_history", "social_history", "plan", "recommendation", "indication", "allergies")
)


def headings(text: str) -> Iterator[Heading]:
    """The headings of a text, in its order."""
    found: dict[int, Heading] = {}
    taken: set[int] = set()
    for match in _AT_LINE.finditer(text):
        alone = not match["colon"] or _rest_is_blank(text, match.end())
        found[match.start("heading")] = Heading(match.start("heading"), _kind(match), alone=alone, inline=False)
        taken.update(range(match.start("heading"), match.end("heading")))
    for match in _AMID.finditer(text):
        start = match.start("heading")
        if start not in taken:
            found[start] = Heading(start, _kind(match), alone=False, inline=True)
    for match in _UNKNOWN.finditer(text):
        start = match.start("heading")
        if start not in found and not _UNDER.match(match["heading"]):
            found[start] = Heading(start, "", alone=_rest_is_blank(text, match.end()), inline=False)
    ruling = "other"
    for start in sorted(found):
        heading = found[start]
        if heading.kind:
            ruling = heading.kind
            yield heading
        elif ruling in _ASSERTING:
            ruling = "other"
            yield heading._replace(kind="other")


def _kind(match: re.Match[str]) -> str:
    return next(kind for kind in _KINDS if match[kind] is not None)


def _rest_is_blank(text: str, place: int) -> bool:
    end = text.find("\n", place)
    return not text[place : end if end >= 0 else len(text)].strip()
