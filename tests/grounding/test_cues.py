"""The cue list is data: its faults are told with their line."""

from __future__ import annotations

from collections import Counter

import pytest

from medie_fhir.errors import InvalidTerminology
from medie_fhir.grounding import Category, Cues, load_cues
from medie_fhir.model import Assertion, Experiencer

HEADER = "cue,category,direction,scope,test,expected\n"
GOOD = "no,absent,forward,10,There is no [[mass]].,absent\n"


def test_a_row_is_read(cues: Cues) -> None:
    (cue,) = load_cues(HEADER + GOOD).rows
    assert (cue.words, cue.category, cue.scope, cue.line) == (("no",), Category.ABSENT, 10, 2)
    assert cue.test[slice(*cue.target)] == "mass"
    assert cue.expected == (Assertion.ABSENT, Experiencer.PATIENT)


def test_the_shipped_list_has_every_category(cues: Cues) -> None:
    count = Counter(cue.category for cue in cues.rows)
    assert len(cues.rows) >= 160
    assert all(count[category] >= 10 for category in Category)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("cue,category\n", "line 1: the columns must be"),
        (HEADER, "no rows"),
        (
            HEADER + "set for <day>,absent,forward,10,No [[mass]].,absent\n",
            "line 2: <day> is none of the kinds of words",
        ),
        (HEADER + "no,absnt,forward,10,No [[mass]].,absent\n", "line 2: category must be one of"),
        (HEADER + "no,absent,left,10,No [[mass]].,absent\n", "line 2: direction must be one of"),
        (HEADER + "no,absent,forward,many,No [[mass]].,absent\n", "line 2: scope must be"),
        (HEADER + "no,absent,forward,10,No mass.,absent\n", "line 2: the test must hold one"),
        (HEADER + "no,absent,forward,10,No [[mass]].,gone\n", "line 2: expected must be one of"),
        (HEADER + "no,absent,forward,10,No [[mass]].,\n", "line 2: no expected"),
        (HEADER + ",absent,forward,10,No [[mass]].,absent\n", "line 2: no cue"),
        (HEADER + "no,absent,forward,10,No, [[mass]].,absent,x\n", "line 2: more values"),
        (HEADER + GOOD + GOOD, "line 3: the cue of line 2 again"),
    ],
)
def test_faults_come_with_their_line(text: str, fault: str) -> None:
    with pytest.raises(InvalidTerminology, match=fault):
        load_cues(text)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(InvalidTerminology) as caught:
        load_cues(HEADER + "no,x,forward,1,No [[mass]].,absent\nnot,x,forward,1,Not [[mass]].,absent\n")
    assert str(caught.value).count("cues: line") == 2
