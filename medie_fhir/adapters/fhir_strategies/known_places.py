"""Which place on the server is which of ours, as far as it was seen: references are translated by it without asking."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["KnownPlaces"]

_Pairs = OrderedDict[str, str | None]


class KnownPlaces:
    """Pairs of ``Type/our id`` and ``Type/server's id``, the ``most`` last used ones.

    A place on the server may also be known for none of ours.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._theirs: _Pairs = OrderedDict()
        self._ours: _Pairs = OrderedDict()

    def learn(self, ours: str | None, theirs: str) -> None:
        """Keep a pair; ``ours`` is None for what is not ours. What was said of either before is forgotten."""
        if ours is not None:
            self._put(self._theirs, ours, theirs)
        self._put(self._ours, theirs, ours)

    def theirs(self, ours: str) -> str | None:
        """Where the server has a resource of ours."""
        return _get(self._theirs, ours)

    def knows(self, theirs: str) -> bool:
        """Whether it is known what a place on the server is."""
        return theirs in self._ours

    def ours(self, theirs: str) -> str | None:
        """Which of ours a place on the server is; None for none, and for what is not known."""
        return _get(self._ours, theirs)

    def _put(self, pairs: _Pairs, key: str, value: str | None) -> None:
        pairs[key] = value
        pairs.move_to_end(key)
        if len(pairs) > self._most:
            pairs.popitem(last=False)


def _get(pairs: _Pairs, key: str) -> str | None:
    if key in pairs:
        pairs.move_to_end(key)
    return pairs.get(key)
