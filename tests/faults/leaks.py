"""Where words of a patient's data were seen that belong into payloads alone."""

from __future__ import annotations

import threading
from collections import Counter

from notes import SENTINELS

__all__ = ["Leaks"]


class Leaks:
    """Looks at what is shown to it. ``found``: where, and what stood there; ``looked``: how often it looked where."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str]] = set()
        self.looked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def look(self, where: str, text: str) -> None:
        """Look for sentinels in a text."""
        with self._lock:
            self.looked[where] += 1
            for sentinel in SENTINELS:
                if sentinel.casefold() in text.casefold():
                    place = text.casefold().index(sentinel.casefold())
                    self.found.add((where, text[max(0, place - 80) : place + 80]))
