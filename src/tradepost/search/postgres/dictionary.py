"""Words that others may have been meant for: the dictionary of a store, kept in this process and brought up to date."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from rapidfuzz import process
from rapidfuzz.distance import OSA

from tradepost.db import Reader

_SLIPS: Any = OSA.distance
_SHORTEST = 3
_LONG = 6


class Dictionary:
    """The words of one store by their lengths, each with the number of products that it was in when it came."""

    def __init__(self, store_id: UUID) -> None:
        self._store_id = store_id
        self._revision = -1
        self._by_length: defaultdict[int, dict[str, int]] = defaultdict(dict)

    async def refresh(self, db: Reader) -> None:
        """Reads what is new since the last time: all of it at first, and mostly nothing after that."""
        rows = await db.rows(
            """
            select word, products, revision
            from search_word
            where store_id = %(store_id)s
              and revision > %(revision)s
            """,
            {"store_id": self._store_id, "revision": self._revision},
        )
        for word, products, revision in rows:
            self._revision = max(self._revision, revision)
            if products:
                self._by_length[len(word)][word] = products
            else:
                self._by_length[len(word)].pop(word, None)

    def nearest(self, word: str) -> str | None:
        """The word that was probably meant: one slip away, two in long words; of several, the one in most products.

        A slip is a letter too many, too few, wrong, or in its neighbour's place. Numbers are nobody's slip.
        """
        if len(word) < _SHORTEST or not word.isalpha():
            return None
        most = 2 if len(word) >= _LONG else 1
        near = [
            (distance, -self._by_length[length][found], found)
            for length in range(len(word) - most, len(word) + most + 1)
            for found, distance, _ in _within(word, self._by_length[length].keys(), most)
        ]
        return min(near)[2] if near else None


def _within(word: str, words: Collection[str], most: int) -> list[tuple[str, int, int]]:
    if not words:
        return []
    return process.extract(word, words, scorer=_SLIPS, score_cutoff=most, limit=50)
