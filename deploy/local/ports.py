"""Ports of this machine: whether one is taken, and one that is free. Needs only the standard library."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

__all__ = ["free_port", "is_taken"]

_HOST = "127.0.0.1"


def is_taken(port: int) -> bool:
    """Whether a program listens there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((_HOST, port)) == 0


def free_port(*beside: int) -> int:
    """A port that nobody has now, nor those that lie so far ``beside`` it.

    It lies below those that the system gives to outgoing connections while a server starts.
    """
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        with ExitStack() as stack:
            try:
                for offset in {0, *beside}:
                    stack.enter_context(socket.socket()).bind((_HOST, port + offset))
            except OSError:
                continue
            return port
