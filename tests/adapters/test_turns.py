"""Lines of turns by themselves. How a server is kept from too much with them: test_fhir_pace.py."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.turns import Turn, Turns


def of(names: str) -> frozenset[str]:
    return frozenset(names)


def test_who_came_first_begins_first_and_one_name_is_never_taken_twice() -> None:
    turns: Turns[str] = Turns()
    joined = [turns.join(of(names), names) for names in ("a", "ab", "b", "c", "")]

    assert [turn.who for turn in iter(turns.begin, None)] == ["a", "c", ""]
    turns.leave(joined[0])
    assert [turn.who for turn in iter(turns.begin, None)] == ["ab"]
    turns.leave(joined[1])
    assert [turn.who for turn in iter(turns.begin, None)] == ["b"]
    assert (turns.running, turns.waiting) == (3, 0)


steps = st.lists(st.tuples(st.sampled_from(["join", "begin", "leave"]), st.sampled_from(["", "a", "b", "ab", "c"])))


@given(steps, st.data())
def test_whatever_comes_goes_or_gives_up_the_earliest_that_nobody_before_it_hinders_begins(
    done: list[tuple[str, str]], data: st.DataObject
) -> None:
    turns: Turns[int] = Turns()
    here: list[Turn[int]] = []
    for step, names in done:
        if step == "join":
            here.append(turns.join(of(names), len(here)))
        elif step == "leave" and here:
            turns.leave(here.pop(data.draw(st.integers(0, len(here) - 1))))
        elif step == "begin":
            free = [
                turn
                for place, turn in enumerate(here)
                if not turn.begun and all(turn.names.isdisjoint(other.names) for other in here[:place])
            ]
            assert turns.begin() is (free[0] if free else None)
        assert turns.running == sum(turn.begun for turn in here)
        assert turns.waiting == len(here) - turns.running
    for turn in here:
        turns.leave(turn)
    assert turns.begin() is None
    assert turns._lines == {}


def test_a_turn_looks_at_its_own_names_only_however_many_wait() -> None:
    looks = 0

    class Names(frozenset[str]):
        def __iter__(self) -> Iterator[str]:
            nonlocal looks
            looks += 1
            return super().__iter__()

    turns: Turns[int] = Turns()
    for who in range(2000):
        turns.join(Names("a"), who)
    order = []
    while turn := turns.begin():
        order.append(turn.who)
        turns.leave(turn)

    assert order == list(range(2000))
    assert looks == 2 * 2000
