"""How long the lexical reader takes: for notes, and for texts made to be slow. No model, no server."""

from __future__ import annotations

import argparse
import hashlib
import time

from medie_fhir.configuration import Configuration
from medie_fhir.document.segment import segment
from medie_fhir.lexicon import read_lexically
from medie_fhir.model import NoteText, OffsetMap
from medie_fhir.settings import Settings
from medie_fhir.vocabularies import vocabularies

LENGTH = 100_000
TEXTS = {
    "notes": "HISTORY: She has stage IIIA lung adenocarcinoma with EGFR L858R, metastatic to bone.\n"
    "PLAN: Follow up in the clinic in four weeks; labs, chest CT and a visit with the nurse were arranged.\n\n"
    "EXAM: Lungs are clear, the abdomen is soft, no edema. Blood pressure 120/80, pulse 72, weight 70 kg.\n\n",
    "one line": "The patient was seen today and is doing well without complaints, ",
    "markers": "ER, PR, HER2, ",
    "genes": "BRCA1, ",
    "metastases": "metastatic to the liver, lung and ",
    "sites": "lung ",
    "TNM": "T2 N0 ",
    "digits": "0123456789",
    "numbers": "12 345 6.7 ",
    "one word": "a",
    "brackets": "([{<",
    "empty boxes": "[ ] ",
    "blanks": " ",
}


def note(text: str) -> NoteText:
    """A plain text as a note."""
    parts = segment(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return NoteText(
        text=text,
        source=text,
        offsets=OffsetMap.identity(len(text)),
        content_type="text/plain",
        sha256=digest,
        sentences=parts.sentences,
        sections=parts.sections,
    )


def main() -> None:
    """Print a row for each text: CPU seconds for all fields together."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--length", type=int, default=LENGTH, help="characters of each text")
    length = arguments.parse_args().length
    configuration = Configuration(Settings())
    lexicon = configuration.lexicon
    assert lexicon is not None
    start = time.process_time()
    terms = vocabularies(configuration.tables, lexicon.tables)
    print(f"{'vocabularies':14} {time.process_time() - start:6.2f} s")
    for name, piece in TEXTS.items():
        text = note((piece * (length // len(piece) + 1))[:length])
        start = time.process_time()
        seen = read_lexically(text, lexicon, terms)
        print(f"{name:14} {time.process_time() - start:6.2f} s  {len(seen):6} values")


if __name__ == "__main__":
    main()
