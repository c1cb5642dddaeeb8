"""The ports that our local servers take."""

from __future__ import annotations

import importlib
import socket
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "deploy" / "local"))  # programs, and no package
    return importlib.import_module("ports")


def test_a_port_is_taken_while_somebody_listens_there(ports: ModuleType) -> None:
    port = ports.free_port()
    assert not ports.is_taken(port)
    with socket.create_server(("127.0.0.1", port)):
        assert ports.is_taken(port)


def test_a_free_port_has_the_free_ones_beside_it_that_are_asked_for(ports: ModuleType) -> None:
    first = ports.free_port(1, 10, 11)
    with ExitStack() as stack:
        for offset in (0, 1, 10, 11):
            stack.enter_context(socket.create_server(("127.0.0.1", first + offset)))
