"""Members that come, go, crash and expire by chance, while the world fails: nothing is lost, nor out of order."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from consumers.loop import Loop, LoopOptions
from consumers.retrying import RetryOptions


class Chaos:
    """Members of one group that come and go as a seed says, while records are written and the world fails."""

    options = LoopOptions(max_in_flight=6, commit_interval_s=0.0, idle_poll_s=0.01, busy_poll_s=0.005, drain_s=5.0)

    def __init__(self, seed: int, rig: Any, worker: Any, retry: RetryOptions) -> None:
        self.rng = random.Random(seed)
        self.rig, self.worker = rig, worker
        self.options = replace(self.options, retry=retry)
        self.members: list[tuple[Loop, Any, asyncio.Task[None]]] = []
        self.written = 0

    def write(self) -> None:
        for i in range(self.written, self.written + 20):
            self.rig.write(b"%d" % i, key=b"k%d" % (i % 13))
        self.written += 20

    def join(self) -> None:
        if len(self.members) < 3:
            loop = self.rig.loop(self.worker, self.options)
            self.members.append((loop, self.rig.consumers[-1], asyncio.create_task(loop.run())))

    def outage(self) -> None:
        self.worker.down = not self.worker.down

    def expire(self) -> None:
        if self.members:
            self.rig.broker.expire(self.rng.choice(self.members)[1].inner)

    async def leave(self) -> None:
        if self.members:
            loop, _, task = self.members.pop(self.rng.randrange(len(self.members)))
            loop.stop()
            await task

    async def crash(self) -> None:
        if self.members:
            _, consumer, task = self.members.pop(self.rng.randrange(len(self.members)))
            consumer.crash_when = lambda: True
            with pytest.raises(RuntimeError, match="crash"):
                await task

    async def act(self) -> None:
        acts = [self.write, self.write, self.join, self.leave, self.crash, self.expire, self.outage]
        waits = self.rng.choice(acts)()
        if waits is not None:
            await waits
        began, probes = len(self.worker.began), self.worker.probes
        await self.rig.until(
            lambda: (
                not self.members
                or len(self.worker.began) > began
                or self.worker.probes > probes  # an outage: what waits begins when it is over
                or self.rig.committed == self.written
            )
        )

    async def finish(self) -> None:
        self.worker.down = False
        while self.members:
            await self.leave()
        async with asyncio.timeout(30):
            await self.rig.loop(self.worker, self.options).run(until_end=True)

    def check_commits(self) -> None:
        """Nothing unfinished is below a commit."""
        done = {(m.partition, m.offset) for m in self.worker.handled}
        for partition in self.rig.partitions:
            committed = self.rig.broker.committed(self.rig.group, partition) or 0
            assert {(partition.partition, offset) for offset in range(committed)} <= done

    def check_order(self) -> None:
        """What was handled for the first time was handled in the order of its key."""
        first: dict[bytes | None, list[int]] = defaultdict(list)
        for message in self.worker.handled:
            if message.offset not in first[message.key]:
                first[message.key].append(message.offset)
        assert all(offsets == sorted(offsets) for offsets in first.values())


@pytest.mark.parametrize("seed", range(6))
async def test_members_that_join_leave_crash_and_expire_lose_nothing(new_rig, new_worker, quick, seed):
    chaos = Chaos(seed, new_rig(4), new_worker(), quick.retry)
    for _ in range(25):
        await chaos.act()
        chaos.check_commits()
    await chaos.finish()
    chaos.check_commits()
    chaos.check_order()
    assert {m.value for m in chaos.worker.handled} == {b"%d" % i for i in range(chaos.written)}
    assert chaos.rig.committed == chaos.written
    assert not chaos.rig.dead
