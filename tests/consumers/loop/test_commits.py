"""What is committed, and when: through a broker that fails, and by a member that is no more wanted."""

from __future__ import annotations

import asyncio

import pytest

from consumers.loop import LoopOptions
from medie_fhir.errors import (
    BrokerRefused,
    BrokerUnavailable,
)


async def test_nothing_is_committed_past_an_unfinished_record(new_rig, new_worker, numbered, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(20))
    gate = worker.gate(b"5")
    running = asyncio.create_task(finished(rig.loop(worker)))
    await worker.until(lambda: len(worker.handled) == 19)
    await rig.until(lambda: rig.committed == 5)
    gate.set()
    await running
    assert rig.committed == 20
    assert all(0 < offset <= 5 or offset == 20 for commit in rig.consumers[0].commits for offset in commit.values())


async def test_a_failed_commit_is_made_again(new_rig, new_worker, numbered, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    rig.consumers[0].commit_errors = [BrokerUnavailable("rebalance")] * 3
    await finished(loop)
    assert rig.committed == 5


async def test_a_broker_that_is_away_is_named_until_it_answers(new_rig, new_worker):
    rig, worker = new_rig(1), new_worker()
    loop = rig.loop(worker)
    consumer = rig.consumers[0]
    running = asyncio.create_task(loop.run())
    await rig.until(lambda: bool(consumer.assignment()))
    consumer.away = True
    consumer.poll_errors = [BrokerUnavailable("away")]
    await rig.until(lambda: [w.dependency for w in loop.view().waiting] == ["kafka"])
    consumer.away = False
    await rig.until(lambda: loop.view().waiting == ())
    loop.stop()
    await running


async def test_a_commit_that_fails_in_a_rebalance_is_no_outage(
    new_rig, new_worker, numbered, finished, caplog: pytest.LogCaptureFixture
):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    rig.consumers[0].commit_errors = [BrokerUnavailable("rebalance")] * 3
    await finished(loop)
    assert loop.view().commit_failures == 3
    assert "away" not in caplog.text


async def test_a_poll_that_fails_is_made_again(new_rig, new_worker, numbered, finished):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    rig.consumers[0].poll_errors = [BrokerUnavailable("away")] * 3
    await finished(loop)
    assert rig.committed == 5


@pytest.mark.parametrize("errors", ["poll_errors", "commit_errors"])
async def test_a_member_that_is_fenced_off_ends(new_rig, new_worker, numbered, finished, errors):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    setattr(rig.consumers[0], errors, [BrokerRefused("fenced")])
    with pytest.raises(BrokerRefused):
        await finished(loop)


async def test_an_idle_member_commits_again_so_that_a_fenced_one_learns_it(new_rig, new_worker, numbered):
    rig, worker = new_rig(1), new_worker()
    rig.write(*numbered(5))
    await_first = LoopOptions(commit_interval_s=0.0, idle_commit_s=0.0, idle_poll_s=0.01)
    loop = rig.loop(worker, await_first)
    running = asyncio.create_task(loop.run())
    await rig.until(lambda: rig.committed == 5)
    commits = len(rig.consumers[0].commits)
    await rig.until(lambda: len(rig.consumers[0].commits) > commits + 3)
    rig.consumers[0].commit_errors = [BrokerRefused("fenced")]
    with pytest.raises(BrokerRefused):
        await running
