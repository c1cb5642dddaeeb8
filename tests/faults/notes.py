"""Invented notes, and what a model says of them: the one place that both the events and the stub model know.

Each note is made of sentences; each sentence that names a fact names the value that the model gives for it. So what a
note says is known to the last word, and nothing of the library is asked for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection

__all__ = ["CANCERS", "DETAILS", "FIELDS", "GARBAGE", "SENTINELS", "answer", "garbled", "note"]

FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")

NAME, TEXT, VALUE = "Zyxomunda", "brixolated", "qwolvarcoma"
SENTINELS = (NAME, TEXT, VALUE)
"""Words of a patient's data that must be seen nowhere but in a payload: a name, a word of a note, a word of a value."""

_SENTENCES = {
    "lung adenocarcinoma": ("cancer_type", "Lung adenocarcinoma."),
    "colon adenocarcinoma": ("cancer_type", "Colon adenocarcinoma."),
    "IV": ("stage", "Clinical stage IV."),
    "III": ("stage", "Clinical stage III."),
    "EGFR L858R": ("gene_mutation", "EGFR L858R detected."),
    "KRAS G12D": ("gene_mutation", "KRAS G12D detected."),
    "brain": ("metastasis_site", "There are brain metastases."),
    "liver": ("metastasis_site", "There are liver metastases."),
    "osimertinib": ("treatment", "She receives osimertinib."),
    f"{TEXT} {VALUE} response": ("response", f"There is a {TEXT} {VALUE} response."),
}
CANCERS = ("lung adenocarcinoma", "colon adenocarcinoma")
DETAILS = (
    ("IV", "III"),
    ("EGFR L858R", "KRAS G12D"),
    ("brain", "liver"),
    ("osimertinib",),
    (f"{TEXT} {VALUE} response",),
)
"""What a note may say besides: at most one of each."""

GARBAGE = {
    "MUMBLES": (f"I see {NAME} with {VALUE}.", "stop"),
    "BREAKSOFF": ('{"cancer_type": "' + VALUE, "length"),
    "REPEATS": ('{"stage": "' + VALUE + '", "stage": null}', "stop"),
    "LISTS": (json.dumps([NAME, VALUE]), "stop"),
}
"""Words of a note at which the model's answer is no answer: its text, and why it ended."""


def note(values: Collection[str], title: str, mark: str = "") -> str:
    """A note that says these values, and no others."""
    said = "\n".join(sentence for value, (_, sentence) in _SENTENCES.items() if value in values)
    return f"{title} {mark}\nPatient {NAME} was seen. The scar is {TEXT}, type {VALUE}.\nASSESSMENT:\n{said}\n"


def answer(text: str) -> tuple[str, str]:
    """The model's answer to a text, and why it ended."""
    for mark, said in GARBAGE.items():
        if mark in text:
            return said
    found: dict[str, list[str]] = {field: [] for field in FIELDS}
    for value, (field, sentence) in _SENTENCES.items():
        if sentence in text:
            found[field].append(value)
    return json.dumps({field: "; ".join(values) or None for field, values in found.items()}), "stop"


def garbled(text: str) -> bool:
    """Whether the model gives no usable answer to a text."""
    return any(mark in text for mark in GARBAGE)
