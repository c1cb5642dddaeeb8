"""What is said aside is nobody's: by sentence, by stretch, or all of a note."""

from collections.abc import Callable

import pytest

from medie_fhir.lexicon import Aside, Asides
from medie_fhir.model import Alignment, Evidence, Experiencer, Fact, NoteText, Span

ASIDES = Asides(notes=("wrong chart",), sentences=("ask your doctor",), stretches=(r"<[^>]{0,40}>",))


@pytest.mark.parametrize(
    ("text", "aside"),
    [
        ("It is b.", False),
        ("It is <b>.", True),
        ("It is b. <a>", False),
        ("Of b ask your doctor. It is a.", True),
        ("It is bad. Of a cold ask your doctor.", False),
        ("It is b. WRONG CHART.", True),
    ],
)
def test_a_place_is_aside(of_note: Callable[[str], NoteText], text: str, aside: bool) -> None:
    note, at = of_note(text), text.index("b")
    seen = Aside(note, ASIDES)
    assert seen.holds(Span(at, at + 1)) is aside
    fact = Fact(
        field="stage",
        value="b",
        alignment=Alignment.EXACT,
        evidence=(Evidence(start=at, end=at + 1, text="b"),),
    )
    assert seen.marked(fact).experiencer is (Experiencer.OTHER if aside else Experiencer.PATIENT)


def test_a_fact_that_stands_elsewhere_too_stays_the_patients(of_note: Callable[[str], NoteText]) -> None:
    places = (Evidence(start=1, end=2, text="b"), Evidence(start=11, end=12, text="b"))
    fact = Fact(field="stage", value="b", alignment=Alignment.EXACT, evidence=places)
    assert Aside(of_note("<b>. It is b."), ASIDES).marked(fact) == fact


def test_a_fact_that_stands_nowhere_stays_as_it_is(of_note: Callable[[str], NoteText]) -> None:
    fact = Fact(field="stage", value="b", alignment=Alignment.NONE)
    assert Aside(of_note("wrong chart"), ASIDES).marked(fact) == fact
