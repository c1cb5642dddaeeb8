"""What people see of a note's facts."""

from __future__ import annotations

from consumers.cli.options import out
from consumers.cli.views import note_table
from medie_fhir.model import Alignment, CodedFact, Concept, Evidence, Fact


def test_a_value_is_shown_as_the_note_has_it() -> None:
    evidence = (Evidence(start=0, end=9, text="IV [/b]"),)
    fact = Fact(field="stage", value="IV [/b]", evidence=evidence, alignment=Alignment.EXACT)
    with out.capture() as told:
        out.print(note_table("a[/b]", [CodedFact(fact, Concept("k"), "id")], ("stage",)))
    assert "IV [/b]" in told.get()
    assert "a[/b]" in told.get()
