"""The open batch's file: whole transactions come out of it, whatever a crash did to its end."""

from __future__ import annotations

import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.ndjson_journal import Journal
from medie_fhir.errors import SettingsError

Transaction = list[tuple[str, bytes]]
RESOURCE = st.tuples(st.sampled_from(["Condition/a", "Condition/b", "Observation/a"]), st.binary(max_size=20))
TRANSACTIONS = st.lists(
    st.lists(RESOURCE.map(lambda r: (r[0], r[1].replace(b"\n", b"").replace(b"\t", b""))), max_size=3), max_size=4
)


def written(journal: Journal) -> dict[str, bytes]:
    types = journal.types()
    return {
        place: data.removesuffix(b"\n")
        for places in types.values()
        for place, data in zip(places, journal.lines(places), strict=True)
    }


@given(transactions=TRANSACTIONS, data=st.data())
def test_cut_anywhere_it_holds_the_transactions_that_were_whole_before_the_cut(
    transactions: list[Transaction], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        journal, ends = Journal(path), [0]
        for transaction in transactions:
            journal.append(transaction)
            ends.append(journal.size)
        journal.close()
        cut = data.draw(st.integers(0, ends[-1]))
        garbage = data.draw(st.sampled_from([b"", b"\x00\x00", b"Condition/a\t{", b"Condition/a\tnever\n="]))
        path.write_bytes(path.read_bytes()[:cut] + garbage)

        again = Journal(path)

        whole = sum(end <= cut for end in ends) - 1
        assert again.transactions == whole
        assert written(again) == {place: value for t in transactions[:whole] for place, value in t}
        again.append([("Condition/z", b"more")])
        again.close()
        third = Journal(path)
        assert third.transactions == whole + 1
        assert written(third)["Condition/z"] == b"more"
        third.close()


def test_damage_before_the_end_is_told_and_nothing_is_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append([("Condition/a", b"one")])
    journal.append([("Condition/b", b"two")])
    journal.close()
    damaged = journal.path.read_bytes().replace(b"one", b"0ne")
    journal.path.write_bytes(damaged)

    with pytest.raises(SettingsError, match="damaged before its end"):
        Journal(journal.path)
    assert journal.path.read_bytes() == damaged


def test_a_large_transaction_is_taken_up_line_by_line_and_never_held_as_a_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append([(f"Condition/{number}", b"x" * 20_000) for number in range(400)])
    journal.close()

    tracemalloc.start()
    again = Journal(journal.path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < journal.size / 10  # what is held is copied with each line: quadratic in a batch's size
    assert (len(written(again)), again.size) == (400, journal.size)
    again.close()
