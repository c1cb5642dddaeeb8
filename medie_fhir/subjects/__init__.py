"""The patient and the encounter of a note, as the target server holds them (see docs/subjects.md)."""

from medie_fhir.subjects.subjects import SubjectOptions, Subjects

__all__ = ["SubjectOptions", "Subjects"]
