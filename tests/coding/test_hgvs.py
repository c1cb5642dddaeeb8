"""HGVS from what notes write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.coding.hgvs import coding_change, protein_change

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


@pytest.mark.parametrize(
    ("written", "change"),
    [
        ("L858R", "p.Leu858Arg"),
        ("p.L858R", "p.Leu858Arg"),
        ("p.(Leu858Arg)", "p.Leu858Arg"),
        ("Leu858Arg", "p.Leu858Arg"),
        ("R213*", "p.Arg213Ter"),
        ("R213X", "p.Arg213Ter"),
        ("p.Arg1450Ter", "p.Arg1450Ter"),
        ("E746_A750del", "p.Glu746_Ala750del"),
        ("delE746-A750", "p.Glu746_Ala750del"),
        ("V600del", "p.Val600del"),
        ("A767_V769dup", "p.Ala767_Val769dup"),
        ("D770_N771insSVD", "p.Asp770_Asn771insSerValAsp"),
        ("L747_P753delinsS", "p.Leu747_Pro753delinsSer"),
        ("R1443fs", "p.Arg1443fs"),
        ("E23Vfs*17", "p.Glu23ValfsTer17"),
        ("p.Glu23ValfsTer17", "p.Glu23ValfsTer17"),
    ],
)
def test_a_protein_change_is_written_in_three_letters(written: str, change: str) -> None:
    assert protein_change(written) == change


@pytest.mark.parametrize(
    "written",
    [
        "",
        "B858R",
        "L858",
        "858R",
        "L0R",
        "V600V",
        "A750_E746del",
        "D770_N772insS",
        "D770insS",
        "E746_A750delS",
        "V600Efoo",
        "p.?",
        "T8",
    ],
)
def test_what_is_no_change_is_none(written: str) -> None:
    assert protein_change(written) is None


@given(st.sampled_from(RESIDUES), st.integers(1, 35000), st.sampled_from(RESIDUES + "*"))
def test_one_letter_and_three_letters_are_one(old: str, place: int, new: str) -> None:
    change = protein_change(f"{old}{place}{new}")
    assert (change is None) == (old == new)
    assert change is None or protein_change(change) == change == protein_change(f"p.{old}{place}{new}".lower())


@pytest.mark.parametrize(
    ("written", "change"),
    [
        ("c.1799T>A", "c.1799T>A"),
        ("c.68_69delAG", "c.68_69del"),
        ("c.5266dupC", "c.5266dup"),
        ("c.5946delT", "c.5946del"),
        ("c.2235_2249del", "c.2235_2249del"),
        ("c.76_77insT", "c.76_77insT"),
        ("c.3028+1G>A", "c.3028+1G>A"),
        ("c.-124C>T", "c.-124C>T"),
        ("c.2237_2255delinsT", "c.2237_2255delinsT"),
    ],
)
def test_a_coding_change_loses_the_bases_that_hgvs_leaves_out(written: str, change: str) -> None:
    assert coding_change(written) == change


@pytest.mark.parametrize(
    "written", ["", "1799T>A", "c.1799", "c.1799T>T", "c.10_12A>T", "c.76insT", "c.delT", "g.1A>T"]
)
def test_what_is_no_coding_change_is_none(written: str) -> None:
    assert coding_change(written) is None


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert (protein_change(text) or "p.").startswith("p.")
    assert (coding_change(text) or "c.").startswith("c.")


@pytest.mark.parametrize("written", ["c.185delAG", "c.68_69delAGT", "c.68_69delA", "c.5266dupCC"])
def test_a_deletion_of_other_than_its_bases_is_refused(written: str) -> None:
    assert coding_change(written) is None
