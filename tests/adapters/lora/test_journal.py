"""The journal tells what is in use, only grows, and bears crashes and hands at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.lora import Adapter, Journal, Pinned, Registry, in_use
from medie_fhir.errors import SettingsError

ONE, OTHER = Pinned(name="one", sha256="1" * 64), Pinned(name="other", sha256="2" * 64)
SAID = {"who": "ada", "why": "measured better", "at": "2026-01-02T03:04:05Z"}


def there(_: Pinned) -> None:
    """Everything is."""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "adapters.journal.ndjson")


def test_a_promotion_is_recorded_with_who_when_from_to_and_why(journal: Journal) -> None:
    assert journal.in_use() is None
    journal.promote(ONE, **SAID)
    journal.promote(OTHER, **SAID)
    last = journal.steps()[-1]
    assert (last.before, last.after, last.who, last.why, last.at) == (
        ONE,
        OTHER,
        *(SAID[k] for k in ("who", "why", "at")),
    )
    assert journal.in_use() == OTHER
    with pytest.raises(SettingsError, match="in use already"):
        journal.promote(OTHER, **SAID)


def test_rollbacks_go_back_step_by_step_to_the_settings_own(journal: Journal) -> None:
    journal.promote(ONE, **SAID)
    journal.promote(OTHER, **SAID)
    assert journal.rollback(**SAID, is_there=there).after == ONE
    assert journal.rollback(**SAID, is_there=there).after is None
    assert journal.in_use() is None
    with pytest.raises(SettingsError, match="no promotion stands"):
        journal.rollback(**SAID, is_there=there)
    assert len(journal.steps()) == 4, "nothing is ever taken out"


def test_what_can_no_longer_be_had_is_not_gone_back_to(journal: Journal) -> None:
    journal.promote(ONE, **SAID)
    journal.promote(OTHER, **SAID)

    def gone(pinned: Pinned) -> None:
        raise SettingsError(pinned.name)

    with pytest.raises(SettingsError, match="one"):
        journal.rollback(**SAID, is_there=gone)
    assert journal.in_use() == OTHER


def test_a_line_that_a_crash_cut_off_does_not_count_and_is_gone_with_the_next(journal: Journal) -> None:
    journal.promote(ONE, **SAID)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + whole[: len(whole) // 2])
    assert journal.in_use() == ONE
    journal.promote(OTHER, **SAID)
    assert [step.after for step in journal.steps()] == [ONE, OTHER]


def test_a_line_that_is_none_is_told_with_its_number(journal: Journal) -> None:
    journal.promote(ONE, **SAID)
    journal.path.write_bytes(journal.path.read_bytes() + b"{}\n")
    with pytest.raises(SettingsError, match=r"ndjson:2: is no step"):
        journal.in_use()


def test_of_many_at_once_each_sees_what_was_before(journal: Journal) -> None:
    pins = [Pinned(name=f"a{n}", sha256=f"{n:064x}") for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pin: journal.promote(pin, **SAID), pins))
    steps = journal.steps()
    assert [step.before for step in steps] == [None, *(step.after for step in steps[:-1])]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([ONE, OTHER, None]), max_size=12))
def test_in_use_is_what_the_last_step_says(tmp_path: Path, acts: list[Pinned | None]) -> None:
    path = tmp_path / "law.ndjson"
    path.unlink(missing_ok=True)
    journal, stack = Journal(path), list[Pinned]()
    for act in acts:
        if act is not None and (not stack or stack[-1] != act):
            journal.promote(act, **SAID)
            stack.append(act)
        elif act is None and stack:
            journal.rollback(**SAID, is_there=there)
            stack.pop()
        assert journal.in_use() == (stack[-1] if stack else None)
        steps = journal.steps()
        assert journal.in_use() == (steps[-1].after if steps else None)


def test_in_use_is_the_registrys_adapter_and_never_other_bytes_under_its_name(registry: Registry) -> None:
    assert in_use(registry) is None
    first: Adapter = registry.adapter("first")
    Journal(registry.journal).promote(Pinned(name="first", sha256=first.sha256), **SAID)
    assert in_use(registry) == first
    changed = registry.model_copy(update={"adapters": {"first": first.model_copy(update={"sha256": "0" * 64})}})
    with pytest.raises(SettingsError, match="promoted with another sha256"):
        in_use(changed)
