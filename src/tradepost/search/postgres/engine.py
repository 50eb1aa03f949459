from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from tradepost.core.crash_points import crash_point
from tradepost.db import Database, Reader, Tx
from tradepost.search.engine import (
    Changes,
    Facets,
    Found,
    Hit,
    OptionCount,
    PriceCount,
    Query,
    Suggestion,
    Suggestions,
    ValueCount,
)
from tradepost.search.languages import dictionary
from tradepost.search.postgres import finding, looking_up, vectors, writing
from tradepost.search.postgres.dictionary import Dictionary
from tradepost.search.postgres.finding import Rows, price_bounds
from tradepost.search.postgres.stemming import Stemmer, Stems
from tradepost.search.words import Term, forms, highlight, matcher, pieces, terms
from tradepost.search.words import fold as folded
from tradepost.stores import Store

_NOTHING = "'~'"
"""A `tsquery` that no document fits, as `~` is no word."""


class PostgresEngine:
    """See Engine. A process keeps the stems of words it has met, and once something was misspelt, the dictionary."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stemmers: dict[str | None, Stemmer] = {}
        self._dictionaries: dict[UUID, Dictionary] = {}

    async def position(self, store_id: UUID) -> str | None:
        async with self._db.read() as db:
            return await writing.find_position(db, store_id)

    async def write(self, store: Store, changes: Changes, *, after: str | None, upto: str | None) -> None:
        stems = await self._stems_of(store, changes)
        rows = [writing.written(document, stems.stems) for document in changes.documents]

        async def unit(tx: Tx) -> None:
            revision = await writing.lock(tx, store.id, after=after)
            if changes.documents or changes.gone:
                await _write_documents(tx, store.id, changes, rows, revision)
            if changes.in_stock:
                await writing.set_in_stock(tx, store.id, changes.in_stock)
            if changes.sold:
                await writing.add_sold(tx, store.id, changes.sold)
            if changes.shelves is not None:
                await writing.replace_shelves(tx, store.id, changes.shelves, stems.stems)
            if upto != after:
                await writing.set_position(tx, store.id, upto)
            crash_point("search_before_commit")

        await self._db.write(unit)
        crash_point("search_after_commit")

    async def start_over(self, store: Store) -> None:
        async def unit(tx: Tx) -> None:
            await writing.forget(tx, store.id)

        await self._db.write(unit)

    async def find(self, store: Store, query: Query) -> Found:
        async with self._db.read() as db:
            asked, stems, rows = await self._look(db, store, query, query.text)
            if rows.total or query.text is None:
                return _found(store, query, asked, stems, rows, corrected=None)
            corrected = await self._corrected(db, store, query.text, asked, stems)
            if corrected is not None:
                again = await self._look(db, store, query, corrected)
                if again[2].total:
                    return _found(store, query, *again, corrected=corrected)
            return _found(store, query, asked, stems, rows, corrected=None)

    async def suggest(self, store: Store, text: str, *, limit: int) -> Suggestions:
        asked = terms(text, shortest_prefix=1)
        async with self._db.read() as db:
            stems = await self._stemmer(store).of(db, forms(asked))
            written = vectors.query(asked, stems, weight="A")
            found = await looking_up.named(db, store.id, written, limit=limit) if written else []
        suggestions = [
            (one.is_product, Suggestion(one.id, one.slug, highlight(one.name, matcher(asked, stems.stems, one.stems))))
            for one in found
        ]
        return Suggestions(
            [one for is_product, one in suggestions if is_product],
            [one for is_product, one in suggestions if not is_product],
        )

    async def _stems_of(self, store: Store, changes: Changes) -> Stems:
        texts = [text for document in changes.documents for _, text in vectors.fields(document)]
        words = vectors.words_of([*texts, *(shelf.name for shelf in changes.shelves or ())])
        if not words:
            return Stems({}, frozenset())
        async with self._db.read() as db:
            return await self._stemmer(store).of(db, words)

    async def _look(
        self, db: Reader, store: Store, query: Query, text: str | None
    ) -> tuple[Sequence[Term], Stems, Rows]:
        asked = [] if text is None else terms(text)
        stems = await self._stemmer(store).of(db, forms(asked))
        written = None if text is None else vectors.query(asked, stems) or _NOTHING
        return asked, stems, await finding.find(db, store, query, written)

    async def _corrected(self, db: Reader, store: Store, text: str, asked: Sequence[Term], stems: Stems) -> str | None:
        """The text with other words for those that nothing on sale has; None where none comes near."""
        simple = [term for term in asked if len(term.parts) == 1]
        if not simple:
            return None
        unknown = await looking_up.unknown(db, store.id, [vectors.one(term, stems.stems) for term in simple])
        words = {term.whole for term, missing in zip(simple, unknown, strict=True) if missing}
        if not words:
            return None
        known = self._dictionaries.setdefault(store.id, Dictionary(store.id))
        await known.refresh(db)
        meant = {word: near for word in words if (near := known.nearest(word))}
        if not meant:
            return None
        return "".join(meant.get(folded(piece), piece) if is_word else piece for piece, is_word in pieces(text))

    def _stemmer(self, store: Store) -> Stemmer:
        name = dictionary(store.locale)
        return self._stemmers.setdefault(name, Stemmer(name))


async def _write_documents(
    tx: Tx, store_id: UUID, changes: Changes, rows: Sequence[writing.Written], revision: int
) -> None:
    lexicons = {document.id: row.lexicon for document, row in zip(changes.documents, rows, strict=True)}
    await writing.count_words(tx, store_id, lexicons | {id_: [] for id_ in changes.gone}, revision=revision)
    if changes.gone:
        await writing.delete_documents(tx, store_id, changes.gone)
    if changes.documents:
        await writing.put_documents(tx, store_id, changes.documents, rows)
        await writing.put_sets(tx, store_id, rows)
        await writing.put_standings(tx, store_id, changes.documents, rows)


def _found(
    store: Store, query: Query, asked: Sequence[Term], stems: Stems, rows: Rows, *, corrected: str | None
) -> Found:
    shown = rows.hits[: query.window.limit]
    more = len(rows.hits) > len(shown)
    last = shown[-1] if more and shown else None
    keys: list[object] | None = None
    if last is not None:
        keys = [str(last.id)] if finding.SORTS[query.sort].by is None else [last.by, str(last.id)]
    return Found(
        hits=[Hit(row.id, highlight(row.name, matcher(asked, stems.stems, row.stems))) for row in shown],
        total=rows.total,
        facets=_facets(store, rows),
        next_keys=keys,
        corrected=corrected,
    )


def _facets(store: Store, rows: Rows) -> Facets:
    bounds = (0, *price_bounds(store.currency))
    values: defaultdict[str, list[ValueCount]] = defaultdict(list)
    for name, value, count in rows.options:
        values[name].append(ValueCount(value, count))
    return Facets(
        categories=rows.categories,
        prices=[
            PriceCount(bounds[at], bounds[at + 1] - 1 if at + 1 < len(bounds) else None, count)
            for at, count in rows.prices
        ],
        options=[OptionCount(name, tuple(listed)) for name, listed in values.items()],
        in_stock=rows.in_stock,
        out_of_stock=rows.out_of_stock,
    )
