"""Dead letters: records that can't be helped by trying again, kept whole; and what an operator does with them.

``headers`` has their names and meaning, ``writing`` is the consumers' side, ``letter`` reads them again, ``settling``
sends them back or sets them aside.
"""

from consumers.dead_letters.headers import NAMES, dead_letter_headers, document_hash
from consumers.dead_letters.letter import Facts, Letter, LetterId, Letters, Selection, Settled
from consumers.dead_letters.settling import OriginalGone, Result, Settler, Work, read_again, refusal
from consumers.dead_letters.writing import DeadLetters, TooManyDeadLetters

__all__ = [
    "NAMES",
    "DeadLetters",
    "Facts",
    "Letter",
    "LetterId",
    "Letters",
    "OriginalGone",
    "Result",
    "Selection",
    "Settled",
    "Settler",
    "TooManyDeadLetters",
    "Work",
    "dead_letter_headers",
    "document_hash",
    "read_again",
    "refusal",
]
