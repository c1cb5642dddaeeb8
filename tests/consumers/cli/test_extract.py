"""Notes from files: each is a document of its own."""

from __future__ import annotations

from consumers.cli.extract import _reference


def test_a_name_that_is_a_fhir_id_is_kept() -> None:
    assert _reference("01-lung.txt") == "DocumentReference/01-lung.txt"


def test_notes_of_different_names_are_different_documents() -> None:
    names = ("a/b", "a-b", "", "note", "Ü", "😀", "x" * 64, "x" * 65, "x" * 66)
    references = {_reference(name) for name in names}
    assert len(references) == len(names)
    assert all(len(reference) <= len("DocumentReference/") + 64 for reference in references)
