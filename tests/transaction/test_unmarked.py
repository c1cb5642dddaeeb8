"""Empty versions that are remembered and not written."""

from typing import Any

from medie_fhir.transaction import Standing, Unmarked


def of(make_record: Any, document: str, version: str) -> Any:
    record = make_record(version)
    return record.model_copy(update={"document": record.document.model_copy(update={"reference": document})})


def test_a_version_older_than_an_empty_one_is_stale(make_record: Any) -> None:
    unmarked = Unmarked()
    unmarked.remember(of(make_record, "DocumentReference/a", "2"))
    assert unmarked.outdates(of(make_record, "DocumentReference/a", "1"), Standing())
    assert not unmarked.outdates(of(make_record, "DocumentReference/a", "2"), Standing())
    assert not unmarked.outdates(of(make_record, "DocumentReference/a", "3"), Standing())
    assert not unmarked.outdates(of(make_record, "DocumentReference/b", "1"), Standing())


def test_the_document_longest_unheard_of_is_forgotten_first(make_record: Any) -> None:
    unmarked = Unmarked(capacity=2)
    for document in ("a", "b", "a", "c"):
        unmarked.remember(of(make_record, document, "2"))
    assert [d for d in "abc" if unmarked.outdates(of(make_record, d, "1"), Standing())] == ["a", "c"]
