"""The table of moves, and the laws that make it safe."""

from __future__ import annotations

import itertools

import pytest

from consumers.broker import Message
from consumers.lifecycle import MOVES, IllegalMove, Record, State

MESSAGE = Message("t", 0, 0, None, None)
PATHS = {
    State.WAITING: [],
    State.RUNNING: [State.RUNNING],
    State.BACKING_OFF: [State.RUNNING, State.BACKING_OFF],
    State.CONDEMNED: [State.RUNNING, State.CONDEMNED],
    State.DONE: [State.RUNNING, State.DONE],
    State.DROPPED: [State.DROPPED],
}


@pytest.mark.parametrize(("start", "to"), list(itertools.product(State, State)))
def test_only_the_moves_of_the_table_are_made(start, to):
    record = Record(MESSAGE, MESSAGE.place, 1)
    for state in PATHS[start]:
        record.move(state)
    if to in MOVES[start]:
        record.move(to)
        assert record.state is to
    else:
        with pytest.raises(IllegalMove, match=f"{start.name} to {to.name}"):
            record.move(to)
        assert record.state is start


def test_every_state_has_its_moves_and_can_be_reached():
    assert set(MOVES) == set(State)
    assert set().union(*MOVES.values()) == set(State) - {State.WAITING}


def test_nothing_leads_out_of_the_ends():
    assert {state for state, moves in MOVES.items() if not moves} == {State.DONE, State.DROPPED}


def test_every_unfinished_record_can_be_dropped():
    assert all(State.DROPPED in moves for moves in MOVES.values() if moves)


def test_a_record_is_done_only_after_it_ran():
    assert {state for state, moves in MOVES.items() if State.DONE in moves} == {State.RUNNING, State.CONDEMNED}
