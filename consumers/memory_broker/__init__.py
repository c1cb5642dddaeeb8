"""A broker in memory: the twin of the real one for tests, for a demo without Java, and for reading this package.

It keeps what consumers rely on: order per partition, groups with offsets, cooperative rebalances, revocation that
waits for its commit, members that lose their partitions without a word (:meth:`MemoryBroker.expire`), records that
retention takes away (:meth:`MemoryBroker.delete_records`).
"""

from __future__ import annotations

from consumers.memory_broker.broker import MemoryBroker

__all__ = ["MemoryBroker"]
