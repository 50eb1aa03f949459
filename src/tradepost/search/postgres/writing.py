"""Every statement that writes the default engine's tables. All of one store happens under the lock of its position."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from tradepost.db import Reader, Tx
from tradepost.db.arrays import bigints, integers, texts, uuids
from tradepost.search.engine import Document, Overtaken, Shelf
from tradepost.search.postgres import vectors
from tradepost.search.words import lexicon


class Written(NamedTuple):
    """A document as it stands in the tables."""

    words: str
    stems: str
    lexicon: list[str]
    shelf: str
    choice: str

    @property
    def shelf_key(self) -> str:
        return _key(self.shelf)

    @property
    def choice_key(self) -> str:
        return _key(self.choice)


def _key(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def written(document: Document, stems: Mapping[str, str]) -> Written:
    combinations = sorted(sorted(combination.items()) for combination in document.combinations)
    readable = [document.name, *document.categories, document.short_description, document.description]
    return Written(
        vectors.vector(vectors.fields(document), stems),
        stems_of(document.name, stems),
        lexicon(readable),
        "{" + ",".join(map(str, sorted(document.within))) + "}",
        msgspec.json.encode([dict(combination) for combination in combinations]).decode(),
    )


def stems_of(name: str, stems: Mapping[str, str]) -> str:
    """The stems of the words of a name, as JSON."""
    words = vectors.words_of([name])
    return msgspec.json.encode({word: stems[word] for word in sorted(words) if word in stems}).decode()


async def find_position(db: Reader, store_id: UUID) -> str | None:
    found: str | None = await db.value(
        "select position from search_position where store_id = %(store_id)s", {"store_id": store_id}
    )
    return found


async def lock(tx: Tx, store_id: UUID, *, after: str | None) -> int:
    """The number of this write. Overtaken where the position is another one."""
    row = await tx.row(
        """
        insert into search_position (store_id)
        values (%(store_id)s)
        on conflict (store_id) do update set revision = search_position.revision + 1
        returning position, revision
        """,
        {"store_id": store_id},
    )
    position, revision = row or (None, 0)
    if position != after:
        raise Overtaken
    return revision


async def set_position(tx: Tx, store_id: UUID, position: str | None) -> None:
    await tx.run(
        "update search_position set position = %(position)s where store_id = %(store_id)s",
        {"store_id": store_id, "position": position},
    )


async def forget(tx: Tx, store_id: UUID) -> None:
    """The position, and what was sold."""
    names = {"store_id": store_id}
    await tx.run("update search_position set position = null where store_id = %(store_id)s", names)
    await tx.run("delete from search_sold where store_id = %(store_id)s", names)


async def count_words(tx: Tx, store_id: UUID, now: Mapping[UUID, Collection[str]], *, revision: int) -> None:
    """Brings the dictionary to the words that some documents are about to have; none for those that go."""
    rows = await tx.rows(
        """
        select lexicon
        from search_document
        where store_id = %(store_id)s
          and product_id = any(%(ids)s)
        """,
        {"store_id": store_id, "ids": uuids(list(now))},
    )
    changes = Counter(word for words in now.values() for word in words)
    changes.subtract(word for (words,) in rows for word in words)
    more = {word: number for word, number in changes.items() if number > 0}
    fewer = {word: number for word, number in changes.items() if number < 0}
    if more:
        await _add_words(tx, store_id, more, revision)
    if fewer:
        await _take_words(tx, store_id, fewer, revision)


async def _add_words(tx: Tx, store_id: UUID, changes: Mapping[str, int], revision: int) -> None:
    await tx.run(
        """
        insert into search_word as known (store_id, word, products, revision)
        select %(store_id)s, word, number, %(revision)s
        from unnest(%(words)s, %(numbers)s) as change (word, number)
        on conflict (store_id, word) do update
          set products = known.products + excluded.products,
              revision = case when known.products = 0 then excluded.revision else known.revision end
        """,
        _word_params(store_id, changes, revision),
    )


async def _take_words(tx: Tx, store_id: UUID, changes: Mapping[str, int], revision: int) -> None:
    await tx.run(
        """
        update search_word as known
        set products = known.products + change.number,
            revision = case when known.products + change.number = 0 then %(revision)s else known.revision end
        from unnest(%(words)s, %(numbers)s) as change (word, number)
        where known.store_id = %(store_id)s
          and known.word = change.word
        """,
        _word_params(store_id, changes, revision),
    )


def _word_params(store_id: UUID, changes: Mapping[str, int], revision: int) -> dict[str, object]:
    return {
        "store_id": store_id,
        "revision": revision,
        "words": texts(list(changes)),
        "numbers": integers(list(changes.values())),
    }


async def put_documents(tx: Tx, store_id: UUID, documents: Sequence[Document], rows: Sequence[Written]) -> None:
    """Writes what is different. Words that stay the same are not indexed again."""
    await tx.run(
        """
        insert into search_document as known (store_id, product_id, slug, name, words, stems, lexicon)
        select %(store_id)s, product_id, slug, name, words::tsvector, stems::jsonb,
               array(select jsonb_array_elements_text(lexicon::jsonb))
        from unnest(%(ids)s, %(slugs)s, %(names)s, %(words)s, %(stems)s, %(lexicons)s)
             as document (product_id, slug, name, words, stems, lexicon)
        on conflict (store_id, product_id) do update
          set slug = excluded.slug,
              name = excluded.name,
              words = excluded.words,
              stems = excluded.stems,
              lexicon = excluded.lexicon
          where (known.slug, known.name, known.words) is distinct from (excluded.slug, excluded.name, excluded.words)
             or (known.stems, known.lexicon) is distinct from (excluded.stems, excluded.lexicon)
        """,
        {
            "store_id": store_id,
            "ids": uuids([document.id for document in documents]),
            "slugs": texts([document.slug for document in documents]),
            "names": texts([document.name for document in documents]),
            "words": texts([row.words for row in rows]),
            "stems": texts([row.stems for row in rows]),
            "lexicons": texts([msgspec.json.encode(row.lexicon).decode() for row in rows]),
        },
    )


async def put_sets(tx: Tx, store_id: UUID, rows: Sequence[Written]) -> None:
    """The sets of categories and of combinations that are not known yet."""
    shelves = {row.shelf_key: row.shelf for row in rows}
    choices = {row.choice_key: row.choice for row in rows}
    await tx.run(
        """
        insert into search_shelf (store_id, key, category_ids)
        select %(store_id)s, wanted.key, wanted.ids::uuid[]
        from unnest(%(keys)s, %(shelves)s) as wanted (key, ids)
        where not exists (
          select
          from search_shelf as known
          where known.store_id = %(store_id)s
            and known.key = wanted.key
        )
        """,
        {"store_id": store_id, "keys": texts(list(shelves)), "shelves": texts(list(shelves.values()))},
    )
    await tx.run(
        """
        insert into search_choice (store_id, key, combinations, names, values)
        select %(store_id)s, wanted.key, wanted.combinations::jsonb, offered.names, offered.values
        from unnest(%(keys)s, %(choices)s) as wanted (key, combinations)
        cross join lateral (
          select coalesce(array_agg(pair.key), '{}') as names, coalesce(array_agg(pair.value), '{}') as values
          from (
            select distinct option.key, option.value
            from jsonb_array_elements(wanted.combinations::jsonb) as combination
            cross join lateral jsonb_each_text(combination.value) as option
          ) as pair
        ) as offered
        where not exists (
          select
          from search_choice as known
          where known.store_id = %(store_id)s
            and known.key = wanted.key
        )
        """,
        {"store_id": store_id, "keys": texts(list(choices)), "choices": texts(list(choices.values()))},
    )


async def put_standings(tx: Tx, store_id: UUID, documents: Sequence[Document], rows: Sequence[Written]) -> None:
    """The caller has seen to their sets."""
    await tx.run(
        """
        insert into search_standing as known
          (store_id, product_id, name, price, is_featured, in_stock, shelf_id, choice_id)
        select %(store_id)s, document.product_id, document.name, document.price, document.featured = 1,
               document.in_stock = 1, shelf.id, choice.id
        from unnest(%(ids)s, %(names)s, %(prices)s, %(featured)s, %(in_stock)s, %(shelves)s, %(choices)s)
             as document (product_id, name, price, featured, in_stock, shelf, choice)
        join search_shelf as shelf on shelf.store_id = %(store_id)s and shelf.key = document.shelf
        join search_choice as choice on choice.store_id = %(store_id)s and choice.key = document.choice
        on conflict (store_id, product_id) do update
          set name = excluded.name,
              price = excluded.price,
              is_featured = excluded.is_featured,
              in_stock = excluded.in_stock,
              shelf_id = excluded.shelf_id,
              choice_id = excluded.choice_id
        """,
        {
            "store_id": store_id,
            "ids": uuids([document.id for document in documents]),
            "names": texts([document.name for document in documents]),
            "prices": bigints([document.price for document in documents]),
            "featured": integers([document.is_featured for document in documents]),
            "in_stock": integers([document.in_stock for document in documents]),
            "shelves": texts([row.shelf_key for row in rows]),
            "choices": texts([row.choice_key for row in rows]),
        },
    )


async def delete_documents(tx: Tx, store_id: UUID, ids: Collection[UUID]) -> None:
    params = {"store_id": store_id, "ids": uuids(list(ids))}
    await tx.run("delete from search_document where store_id = %(store_id)s and product_id = any(%(ids)s)", params)
    await tx.run("delete from search_standing where store_id = %(store_id)s and product_id = any(%(ids)s)", params)


async def set_in_stock(tx: Tx, store_id: UUID, in_stock: Mapping[UUID, bool]) -> None:
    """Writes only where it is different: most orders change nothing here."""
    await tx.run(
        """
        update search_standing as known
        set in_stock = change.in_stock = 1
        from unnest(%(ids)s, %(in_stock)s) as change (product_id, in_stock)
        where known.store_id = %(store_id)s
          and known.product_id = change.product_id
          and known.in_stock <> (change.in_stock = 1)
        """,
        {"store_id": store_id, "ids": uuids(list(in_stock)), "in_stock": integers(list(in_stock.values()))},
    )


async def add_sold(tx: Tx, store_id: UUID, sold: Mapping[UUID, int]) -> None:
    await tx.run(
        """
        insert into search_sold as known (store_id, product_id, units)
        select %(store_id)s, product_id, units
        from unnest(%(ids)s, %(units)s) as sold (product_id, units)
        on conflict (store_id, product_id) do update
          set units = known.units + excluded.units
        """,
        {"store_id": store_id, "ids": uuids(list(sold)), "units": bigints(list(sold.values()))},
    )


async def replace_shelves(tx: Tx, store_id: UUID, shelves: Sequence[Shelf], stems: Mapping[str, str]) -> None:
    await tx.run("delete from search_category where store_id = %(store_id)s", {"store_id": store_id})
    await tx.run(
        """
        insert into search_category (store_id, category_id, parent_id, slug, name, sort_order, words, stems)
        select %(store_id)s, id, parent_id, slug, name, sort_order, words::tsvector, stems::jsonb
        from unnest(%(ids)s, %(parents)s, %(slugs)s, %(names)s, %(orders)s, %(words)s, %(stems)s)
             as shelf (id, parent_id, slug, name, sort_order, words, stems)
        """,
        {
            "store_id": store_id,
            "ids": uuids([shelf.id for shelf in shelves]),
            "parents": uuids([shelf.parent_id for shelf in shelves]),
            "slugs": texts([shelf.slug for shelf in shelves]),
            "names": texts([shelf.name for shelf in shelves]),
            "orders": integers([shelf.sort_order for shelf in shelves]),
            "words": texts([vectors.vector([("A", shelf.name)], stems) for shelf in shelves]),
            "stems": texts([stems_of(shelf.name, stems) for shelf in shelves]),
        },
    )
