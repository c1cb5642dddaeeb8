"""An error tells in which task it came, and is otherwise the error that it was."""

from __future__ import annotations

import pytest

from medie_fhir.blame import in_task, task_of
from medie_fhir.errors import RenderError


def test_an_error_keeps_its_class_and_words_and_tells_the_task() -> None:
    with pytest.raises(RenderError) as raised, in_task("cardiology"):
        raise RenderError("line 3")
    assert str(raised.value) == "line 3"
    assert task_of(raised.value) == "cardiology"


def test_of_tasks_within_one_another_it_is_the_inner_one() -> None:
    with pytest.raises(KeyError) as raised, in_task("outer"), in_task("inner"):
        raise KeyError("x")
    assert task_of(raised.value) == "inner"


def test_an_error_from_elsewhere_tells_none() -> None:
    error = ValueError()
    assert task_of(error) is None
    error.add_note("seen on a Tuesday")
    assert task_of(error) is None
