"""Names in the order in which they were asked for, and nothing half-written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.out_folder import Stamps, claim, sweep, write_whole
from medie_fhir.errors import SettingsError


@given(clock=st.lists(st.integers(0, 2**60), min_size=1, max_size=20))
def test_stamps_only_grow_whatever_the_clock_says(clock: list[int], empty: Path) -> None:
    ticks = iter(clock)
    stamps = Stamps(empty, now_ns=lambda: next(ticks))
    made = [stamps.next() for _ in clock]

    assert made == sorted(set(made))
    assert {len(stamp) for stamp in made} == {len("20261121T160000.123456Z")}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


def test_stamps_come_after_all_that_is_there_hidden_or_not(tmp_path: Path) -> None:
    for name in ("29990101T000000.000007Z-x.json", ".29990101T000000.000009Z.part", "9-notes.txt", "zzz"):
        (tmp_path / name).touch()

    assert Stamps(tmp_path).next() == "29990101T000000.000010Z"


def test_a_lock_that_can_not_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()

    with pytest.raises(SettingsError, match=r"fhir\.bundles: .*\.lock: Is a directory"):
        claim(tmp_path)


def test_what_breaks_off_leaves_the_former_file_and_no_other(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "full")

    write_whole(tmp_path, "a.json", [b"former"])
    with pytest.raises(OSError, match="full"):
        write_whole(tmp_path, "a.json", broken())

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.json", b"former")]


def test_what_a_killed_process_left_long_ago_is_swept_and_what_may_be_being_written_is_not(tmp_path: Path) -> None:
    old, new, other = tmp_path / ".tmpold.part", tmp_path / ".tmpnew.part", tmp_path / ".20260101T000000.000000Z.part"
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (0, 0))

    sweep(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, new.name]
