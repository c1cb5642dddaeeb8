"""A table's file as people and spreadsheets write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from medie_fhir.coding.rows import COLUMNS, Row, read_rows

HEADER = ",".join(COLUMNS)
LINE = "lung-adenocarcinoma,text,,,,ca pulm adeno,us"


def read(content: bytes) -> tuple[list[Row], list[str]]:
    faults: list[str] = []
    return list(read_rows(Path("cancers.csv"), content, faults, own=True)), faults


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{LINE}\n",
        f"\N{BYTE ORDER MARK}{HEADER}\n{LINE}\n",
        f"{HEADER}\r\n{LINE}\r\n",
        f"{HEADER},,\n{LINE},,\n,,,,,,,,\n\n",
        ",".join(f'"{cell}"' for cell in COLUMNS) + "\r\n" + ",".join(f'"{cell}"' for cell in LINE.split(",")),
    ],
)
def test_what_a_spreadsheet_adds_is_no_fault(content: str) -> None:
    rows, faults = read(content.encode())
    assert faults == []
    assert [(row.concept, row.wordings) for row in rows] == [("lung-adenocarcinoma", ["ca pulm adeno"])]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (f"{HEADER}\n{LINE}\n".replace(",", ";"), "missing: the cells are parted by semicolons"),
        (f"{HEADER}\n{LINE}\n".replace(",", "\t"), "missing: the cells are parted by tabs"),
        (f"sep=,\n{HEADER}\n{LINE}\n", "missing"),
        (f"{HEADER.title()}\n{LINE}\n", "missing: write the names of the columns small and without spaces"),
        (f"{HEADER.replace(',', ', ')}\n{LINE}\n", "missing: write the names of the columns small and without spaces"),
        (f"{HEADER},source\n{LINE},x\n", "column source stands twice"),
        ("", "missing"),
    ],
)
def test_a_header_of_another_form_is_told_with_what_to_do(content: str, fault: str) -> None:
    rows, faults = read(content.encode())
    assert rows == []
    assert len(faults) == 1
    assert faults[0].startswith("cancers.csv:1: column")
    assert fault in faults[0]


@pytest.mark.parametrize(("encoding", "line"), [("latin-1", 3), ("utf-16", 1)])
def test_another_encoding_is_told_with_its_line(encoding: str, line: int) -> None:
    _, faults = read(f"{HEADER}\n{LINE}\nx,text,,,carcinome épidermoïde,,us\n".encode(encoding))
    assert faults == [f"cancers.csv:{line}: not UTF-8 CSV: save the table as CSV UTF-8"]


def test_an_open_quote_is_told_with_its_line() -> None:
    _, faults = read(f'{HEADER}\n{LINE}\nx,text,,,"x,,us\n'.encode())
    assert faults == ["cancers.csv:3: not CSV: unexpected end of data"]


def test_a_separator_of_unicode_within_a_cell_parts_no_row() -> None:
    rows, faults = read(f"{HEADER}\nx,text,,,one\N{LINE SEPARATOR}two,,us\n".encode())
    assert faults == []
    assert [row.display for row in rows] == ["one\N{LINE SEPARATOR}two"]
