"""A real Kafka cluster, by kafka-python. Only this package knows the client, and what 3.0.12 does that it should not.

* A group join that ends between two polls is thrown away, so a member without partitions polls for a second at least.
* Partitions that a member keeps in an eager rebalance are not read again, so only the cooperative protocol is used.
* Rebalance callbacks run on the client's IO thread, while the polling thread waits in ``poll``: they may await, and
  must never block or raise.
* After a broker refuses a record as too large, an idempotent producer is dead for every partition: it is replaced.
* The default reconnect backoff grows to 30 s, so that a consumer comes back a minute after its broker.
* A topic that is not there, or not ours to see, polls nothing for ever: topics are checked first, and when in doubt.
* What keeps us out (a password, a certificate, a port) is a time-out, whatever it is: each step is probed by itself.
"""

from __future__ import annotations

from consumers.kafka_broker.broker import KafkaBroker

__all__ = ["KafkaBroker"]
