"""Stems of words, as PostgreSQL's dictionaries have them."""

from collections.abc import Iterable, Mapping

import msgspec

from tradepost.db import Reader
from tradepost.db.arrays import texts

_MOST = 50_000


class Stems(msgspec.Struct, frozen=True):
    """Of some words: the stem of each that has another one, and which are too common to tell anything."""

    stems: Mapping[str, str]
    common: frozenset[str]


class Stemmer:
    """The stems of one language, or of none. A word that was asked for is remembered for a while."""

    def __init__(self, dictionary: str | None) -> None:
        self._dictionary = dictionary
        self._known: dict[str, str | None] = {}

    async def of(self, db: Reader, words: Iterable[str]) -> Stems:
        """In one statement, or in none where all are remembered. Words are folded."""
        if self._dictionary is None:
            return Stems({}, frozenset())
        wanted = set(words)
        new = wanted - self._known.keys()
        if len(self._known) + len(new) > _MOST:
            self._known.clear()
            new = wanted
        if new:
            self._known |= await _read(db, self._dictionary, new)
        known = [(word, self._known[word]) for word in wanted]
        return Stems(
            {word: stem for word, stem in known if stem and stem != word},
            frozenset(word for word, stem in known if stem is None),
        )


async def _read(db: Reader, dictionary: str, words: Iterable[str]) -> dict[str, str | None]:
    """None for a word that is too common."""
    rows = await db.rows(
        """
        select word, coalesce(lexized.stems[1], case when lexized.stems is null then word end)
        from unnest(%(words)s) as word
        cross join lateral (
          select ts_lexize(%(dictionary)s::text::regdictionary, word) as stems
        ) as lexized
        """,
        {"dictionary": dictionary, "words": texts(list(words))},
    )
    return dict(rows)
