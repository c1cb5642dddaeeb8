"""A body is whole and unpacked, or it is an error; and never more of it than its bound."""

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_body import BodyBroken, BodyTooLarge, whole_body

LIMIT = 1000


def answer(body: bytes, encoding: str | None = None, *, pieces: int = 7, declared: int | None = None) -> httpx.Response:
    """An answer that comes in pieces of so many bytes."""

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(body), pieces):
            yield body[start : start + pieces]

    headers = {} if encoding is None else {"content-encoding": encoding}
    if declared is not None:
        headers["content-length"] = str(declared)
    return httpx.Response(200, headers=headers, content=stream())


@given(st.binary(max_size=LIMIT), st.integers(1, 2000), st.sampled_from([None, "identity", "gzip", "GZIP", "x-gzip"]))
async def test_what_was_sent_comes_out_packed_or_not_in_whatever_pieces(
    body: bytes, pieces: int, encoding: str | None
) -> None:
    sent = body if encoding in (None, "identity") else gzip.compress(body)

    assert await whole_body(answer(sent, encoding, pieces=pieces), LIMIT) == body


@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_one_byte_over_the_bound_is_too_much_and_the_bound_is_not(encoding: str | None) -> None:
    def sent(size: int) -> bytes:
        return b"x" * size if encoding is None else gzip.compress(b"x" * size)

    assert len(await whole_body(answer(sent(LIMIT), encoding), LIMIT)) == LIMIT
    with pytest.raises(BodyTooLarge):
        await whole_body(answer(sent(LIMIT + 1), encoding), LIMIT)


async def test_a_small_answer_that_would_unpack_to_much_is_given_up_at_the_bound() -> None:
    bomb = gzip.compress(bytes(50_000_000))

    with pytest.raises(BodyTooLarge):
        await whole_body(answer(bomb, "gzip", pieces=len(bomb)), LIMIT)


async def test_a_length_over_the_bound_is_believed() -> None:
    with pytest.raises(BodyTooLarge):
        await whole_body(answer(b"x", declared=LIMIT + 1), LIMIT)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"{}", "gzip"),
        (gzip.compress(b"{}" * 100)[:-9], "gzip"),
        (gzip.compress(b"{}") + b"more", "gzip"),
        (b"{}", "br"),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip"),
    ],
    ids=["no gzip", "cut off", "more behind it", "another encoding", "packed twice"],
)
async def test_what_cannot_be_unpacked_is_broken(body: bytes, encoding: str) -> None:
    with pytest.raises(BodyBroken):
        await whole_body(answer(body, encoding), LIMIT)
