"""What becomes of a record that fails, and of all the others in an outage."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from consumers.dead_letters import DeadLetters, TooManyDeadLetters
from consumers.loop import LoopOptions
from consumers.outcomes import Verdict
from consumers.retrying import RetryOptions
from medie_fhir.errors import (
    BrokerRefused,
    BrokerUnavailable,
    FhirUnauthorized,
    RecordTooLarge,
)


async def test_a_poison_record_becomes_a_dead_letter_and_the_stream_goes_on(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"1", b"poison", b"2")
    await finished(rig.loop(worker))
    assert worker.values == [b"1", b"2"]
    assert rig.committed == 3
    [letter] = rig.dead
    assert (letter.key, letter.value, letter.headers[0]) == (b"poison", b"poison", ("h", b"1"))
    headers = dict(letter.headers)
    assert headers["__connect.errors.topic"] == rig.topic.encode()
    assert headers["__connect.errors.offset"] == b"1"
    assert headers["medie.error.class"] == b"HashMismatch"
    assert [(o.verdict, o.detail, o.offset) for o in rig.outcomes] == [(Verdict.DEAD_LETTER, "HashMismatch", 1)]


async def test_a_bug_becomes_a_dead_letter_by_the_name_of_its_class_alone(new_rig, new_worker, finished, caplog):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"bug", b"poison", b"1")
    with caplog.at_level("DEBUG"):
        await finished(rig.loop(worker))
    classes = {dict(letter.headers)["medie.error.class"] for letter in rig.dead}
    assert classes == {b"ValueError", b"HashMismatch"}
    assert "ValueError" in caplog.text
    assert worker.secret not in caplog.text
    assert worker.secret.encode() not in b"".join(part or b"" for letter in rig.dead for _, part in letter.headers)


async def test_a_skipped_record_is_done_and_counted_with_its_reason(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"skip", b"1")
    await finished(rig.loop(worker))
    assert rig.committed == 2
    assert not rig.dead
    assert [(o.verdict, o.detail) for o in rig.outcomes] == [(Verdict.SKIPPED, "image")]
    assert rig.report.counts() == {("test", Verdict.SKIPPED): 1}


async def test_an_outage_pauses_the_partitions_and_ends_by_itself(new_rig, new_worker, numbered):
    rig, worker = new_rig(2), new_worker()
    worker.down = True
    rig.write(*numbered(4))
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    consumer = rig.consumers[0]
    await rig.until(lambda: consumer.paused == set(rig.partitions))
    rig.write(*numbered(30, 4))
    polls, probes, attempts = consumer.polls, worker.probes, len(worker.began)
    await rig.until(lambda: consumer.polls > polls + 20 and worker.probes > probes + 5)
    assert len(worker.began) == attempts  # polled on, and nothing begun, nor tried again
    assert [waiting.dependency for waiting in loop.view().waiting] == ["model"]
    assert rig.committed == 0
    worker.down = False
    await rig.until(lambda: rig.committed == 34)
    assert sorted(worker.values) == sorted(numbered(34))
    await rig.until(lambda: not consumer.paused)
    loop.stop()
    await running
    assert not rig.dead


async def test_an_error_that_says_stop_stops_and_leaves_its_record_undone(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"1", b"2", b"stop", b"4")
    with pytest.raises(FhirUnauthorized):
        await finished(rig.loop(worker))
    assert rig.committed == 2
    assert rig.consumers[0].closed
    assert not rig.dead


async def test_after_a_stop_no_later_record_of_the_key_begins(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"stop", b"later", key=b"k")
    with pytest.raises(FhirUnauthorized):
        await finished(rig.loop(worker))
    assert worker.handled == []
    assert len(worker.began) == 1


class FailingDeadLetters(DeadLetters):
    """Fails with these errors first."""

    def __init__(self, rig: Any, errors: list[Exception]) -> None:
        super().__init__(rig.broker.producer(), rig.dead_topic)
        self.errors = errors

    async def send(self, *args: Any, **kwargs: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        await super().send(*args, **kwargs)


async def test_a_record_whose_dead_letter_cannot_be_written_stays_undone(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"1", b"poison", b"2")
    with pytest.raises(BrokerRefused):
        await finished(rig.loop(worker, dead_letters=FailingDeadLetters(rig, [BrokerRefused("no ACL")])))
    assert rig.committed == 1
    await finished(rig.loop(worker))
    assert rig.committed == 3
    assert len(rig.dead) == 1


async def test_a_dead_letter_is_sent_until_it_is_acknowledged(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"poison")
    errors: list[Exception] = [BrokerUnavailable("away")] * 7
    await finished(rig.loop(worker, dead_letters=FailingDeadLetters(rig, errors)))
    assert rig.committed == 1
    assert len(rig.dead) == 1
    assert errors == []


async def test_a_dead_letter_too_large_for_its_reference_stops_the_loop(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(b"poison")
    with pytest.raises(RecordTooLarge):
        await finished(rig.loop(worker, dead_letters=FailingDeadLetters(rig, [RecordTooLarge("key")])))
    assert rig.committed == 0


async def test_a_burst_of_dead_letters_stops_the_loop_and_does_not_empty_the_topic(new_rig, new_worker, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(*(b"poison%d" % i for i in range(50)))
    retry = RetryOptions(initial_s=0.001, max_s=0.01, dead_letter_burst=10)
    with pytest.raises(TooManyDeadLetters, match="HashMismatch"):
        await finished(rig.loop(worker, LoopOptions(max_in_flight=4, idle_poll_s=0.05, drain_s=20, retry=retry)))
    letters = {int(dict(letter.headers)["__connect.errors.offset"]) for letter in rig.dead}
    assert len(letters) == 10
    assert set(range(rig.committed)) <= letters
