"""Extraction: a note's text → the values that a language model reads in it.

A task (:mod:`.task`) says what is asked. :mod:`.chunk` cuts the note, :mod:`.triage` leaves out what shows no sign
of it, :mod:`.prompt` asks, :mod:`.parse` reads the answer strictly, :mod:`.items` splits values, :mod:`.confidence`
weighs them, and :mod:`.read` is the way through all of them.
"""

from medie_fhir.extraction.read import READER, Reading, read
from medie_fhir.extraction.task import FieldRule, Task, UniqueKeys, load_task
from medie_fhir.extraction.triage import in_sight

__all__ = ["READER", "FieldRule", "Reading", "Task", "UniqueKeys", "in_sight", "load_task", "read"]
