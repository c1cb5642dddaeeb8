"""Station 2. A note's attachments → its plain text, with the place of every character in what was sent.

The way: :func:`choose` an attachment; take its bytes :func:`inline`, or ask for them at its URL once :func:`check_url`
allows it; :func:`read_text`. :func:`note_text` is for a text in hand. What is read and what is skipped: docs/events.md.
"""

from __future__ import annotations

from medie_fhir.document.attachment import choose, inline
from medie_fhir.document.language import Languages, load_languages
from medie_fhir.document.reading import TextLimits, note_text, read_text
from medie_fhir.document.url import check_url

__all__ = [
    "Languages",
    "TextLimits",
    "check_url",
    "choose",
    "inline",
    "load_languages",
    "note_text",
    "read_text",
]
