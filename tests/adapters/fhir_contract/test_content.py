"""A note's bytes come back, and nobody else is asked for them."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import ContentNotFound, ForbiddenUrl


async def test_the_bytes_of_a_binary_come_back_without_the_charset_of_its_type(target: Any) -> None:
    binary = {
        "resourceType": "Binary",
        "id": target.id("b"),
        "contentType": "text/plain; charset=utf-8",
        "data": "U3RhZ2UgSUlJQcOk",
    }
    await target.server.transact(target.puts([binary]))

    content = await target.server.content(f"Binary/{target.id('b')}")

    assert content.data == "Stage IIIAä".encode()
    assert content.content_type == "text/plain"


async def test_content_that_is_not_there_or_not_ours_to_ask_for(target: Any) -> None:
    with pytest.raises(ContentNotFound):
        await target.server.content(f"Binary/{target.id('nothing')}")
    with pytest.raises(ForbiddenUrl):
        await target.server.content("http://elsewhere.invalid/Binary/1")
    with pytest.raises(ForbiddenUrl):
        await target.server.content("../metadata")
