"""What any search engine keeps: subclass EngineContract, and give it an `engine` that knows nothing of its stores.

Documents in, queries to hits: nothing here knows how an engine does it.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tradepost.core.ids import uuid7
from tradepost.db.composing import Window
from tradepost.search import Engine, Overtaken
from tradepost.search.engine import Changes, Document, Found, Query, Shelf
from tradepost.stores import Store


def document(name: str, **facts: Any) -> Document:
    plain = Document(id=uuid7(), slug=name.lower().replace(" ", "-"), name=name, price=1000)
    return msgspec.structs.replace(plain, **facts)


async def put(engine: Engine, store: Store, *documents: Document, **changes: Any) -> None:
    position = await engine.position(store.id)
    await engine.write(store, Changes(documents=documents, **changes), after=position, upto=position)


async def find(engine: Engine, store: Store, text: str | None = None, **filters: Any) -> Found:
    return await engine.find(store, Query(text=text, **filters))


_NO_FILTERS: dict[str, Any] = {}


def names(found: Found) -> list[str]:
    return ["".join(part.text for part in hit.name) for hit in found.hits]


def ids(*documents: Document) -> set[UUID]:
    return {one.id for one in documents}


def hits(found: Found) -> set[UUID]:
    assert found.total == len(found.hits)
    return {hit.id for hit in found.hits}


class EngineContract:
    async def test_a_word_in_the_name_counts_more_than_one_in_a_category_or_a_text(
        self, engine: Engine, store: Store
    ) -> None:
        await put(
            engine,
            store,
            document("Lamp", description="goes with linen"),
            document("Chair", short_description="covered with linen"),
            document("Towel", categories=("Linen",)),
            document("Linen shirt"),
        )
        assert names(await find(engine, store, "linen")) == ["Linen shirt", "Towel", "Chair", "Lamp"]

    async def test_all_words_have_to_be_there_and_the_last_one_may_go_on(self, engine: Engine, store: Store) -> None:
        await put(engine, store, document("Linen shirt"), document("Linen towel"), document("Cotton shirt"))
        assert names(await find(engine, store, "linen shi")) == ["Linen shirt"]
        assert names(await find(engine, store, "lin shirt")) == []
        assert (await find(engine, store, "linen")).total == 2

    @pytest.mark.parametrize("text", ["SHIRT-RED-M", "shirt-red-m", "red m shirt", "4006381333931", "shirt-re"])
    async def test_codes_are_found_whole_and_by_their_parts(self, engine: Engine, store: Store, text: str) -> None:
        await put(engine, store, document("Thing", codes=("SHIRT-RED-M", "4006381333931")), document("Other"))
        assert names(await find(engine, store, text)) == ["Thing"]

    @pytest.mark.parametrize(
        ("indexed", "text"), [("Café crème", "cafe creme"), ("Cafe creme", "CAFÉ"), ("Łódź", "lodz")]
    )
    async def test_case_and_accents_make_no_difference(
        self, engine: Engine, store: Store, indexed: str, text: str
    ) -> None:
        await put(engine, store, document(indexed))
        assert names(await find(engine, store, text)) == [indexed]

    @pytest.mark.parametrize(
        ("locale", "name", "text"),
        [
            ("en-GB", "Running shoes", "run shoe"),
            ("de-AT", "Rote Häuser", "haus"),
            ("fr", "Chaussures légères", "chaussure légère"),
        ],
    )
    async def test_words_are_found_by_their_stems_in_the_language_of_the_store(
        self, engine: Engine, store: Store, locale: str, name: str, text: str
    ) -> None:
        speaking = msgspec.structs.replace(store, locale=locale)
        await put(engine, speaking, document(name))
        assert names(await find(engine, speaking, text + " ")) == [name]

    async def test_words_that_tell_nothing_need_not_be_there_unless_there_are_no_others(
        self, engine: Engine, store: Store
    ) -> None:
        await put(engine, store, document("Blue shirt"), document("The The"))
        assert names(await find(engine, store, "the shirt for the blue")) == ["Blue shirt"]
        assert names(await find(engine, store, "the blue shirt")) == ["Blue shirt"]
        assert names(await find(engine, store, "the")) == ["The The"]

    async def test_what_was_looked_for_is_marked_in_the_name(self, engine: Engine, store: Store) -> None:
        await put(engine, store, document("Léger <b>Shirts</b> & shirting"))
        (hit,) = (await find(engine, store, "leger shirt")).hits
        marked = [part.text for part in hit.name if part.matched]
        assert marked == ["Léger", "Shirts", "shirting"]
        assert "".join(part.text for part in hit.name) == "Léger <b>Shirts</b> & shirting"

    @pytest.mark.parametrize(
        ("text", "corrected"), [("lnen shrit", "linen shirt"), ("Linnen SHIRT", "linen SHIRT"), ("liinen", "linen")]
    )
    async def test_misspelt_words_are_corrected_and_the_answer_says_so(
        self, engine: Engine, store: Store, text: str, corrected: str
    ) -> None:
        await put(engine, store, document("Linen shirt"), document("Steel knife"))
        found = await find(engine, store, text)
        assert (names(found), found.corrected) == (["Linen shirt"], corrected)

    async def test_what_finds_something_is_not_corrected(self, engine: Engine, store: Store) -> None:
        await put(engine, store, document("Shirt"), document("Skirt"), document("Skirt two"))
        for text in ("shirt", "skirt"):
            assert (await find(engine, store, text)).corrected is None
        nothing = await find(engine, store, "xylophone")
        assert (nothing.total, nothing.corrected) == (0, None)

    async def test_of_words_that_are_equally_near_the_one_in_more_products_is_meant(
        self, engine: Engine, store: Store
    ) -> None:
        await put(engine, store, document("Lamp one"), document("Lamp two"), document("Lame"))
        assert (await find(engine, store, "lamq")).corrected == "lamp"

    async def test_a_word_that_has_gone_with_its_last_product_is_nobodys_correction(
        self, engine: Engine, store: Store
    ) -> None:
        shirt = document("Shirt")
        await put(engine, store, shirt, document("Knife"))
        assert (await find(engine, store, "shrit")).corrected == "shirt"
        await put(engine, store, gone=[shirt.id])
        assert (await find(engine, store, "shrit")).corrected is None
        await put(engine, store, shirt)
        assert (await find(engine, store, "shrit")).corrected == "shirt"

    @pytest.mark.parametrize(
        "text",
        [
            "%",
            "_",
            "%%%___",
            "'",
            '"',
            "\\",
            "' or 1=1 --",
            "a & b | !c <-> d:*",
            "'; drop table product; --",
            "()!&|:*<>",
            "...",
            "\U0001f600 \U0001f3ff",
            "قميص كتان",
            "חולצה",
            "红色衬衫",
            "x" * 5000,
            "word " * 2000,
            "a:b:c",
            "{}[]",
            "$$",
            "''''",
        ],
    )
    async def test_text_is_text_and_never_a_pattern(self, engine: Engine, store: Store, text: str) -> None:
        await put(engine, store, document("Linen shirt"), document("Percent underscore"))
        assert (await find(engine, store, text)).total == 0
        await engine.suggest(store, text, limit=5)

    async def test_another_script_is_found_in_its_own_letters(self, engine: Engine, store: Store) -> None:
        await put(engine, store, document("قميص كتان"), document("חולצת פשתן"), document("льняная рубашка"))
        for text, name in (("كتان", "قميص كتان"), ("פשתן", "חולצת פשתן"), ("РУБАШКА", "льняная рубашка")):
            assert names(await find(engine, store, text)) == [name]

    async def test_filters_all_have_to_fit(self, engine: Engine, store: Store) -> None:
        wanted: list[tuple[dict[str, Any], set[UUID]]]
        cheap = document("Cheap", price=500, is_featured=True)
        dear = document("Dear", price=5000, in_stock=False)
        await put(engine, store, cheap, dear)
        wanted = [
            ({"min_price": 500, "max_price": 500}, ids(cheap)),
            ({"min_price": 501}, ids(dear)),
            ({"max_price": 4999}, ids(cheap)),
            ({"in_stock": True}, ids(cheap)),
            ({"in_stock": False}, ids(dear)),
            ({"featured": True}, ids(cheap)),
            ({"featured": False}, ids(dear)),
            ({"featured": True, "in_stock": False}, set[UUID]()),
        ]
        for filters, expected in wanted:
            assert hits(await find(engine, store, **filters)) == expected, filters

    async def test_a_category_is_found_with_what_is_inside_it(self, engine: Engine, store: Store) -> None:
        home, kitchen = Shelf(id=uuid7(), slug="home", name="Home"), uuid7()
        inner = Shelf(id=kitchen, parent_id=home.id, slug="kitchen", name="Kitchen")
        pan, sofa = document("Pan", within=(home.id, kitchen)), document("Sofa", within=(home.id,))
        await put(engine, store, pan, sofa, document("Bike"), shelves=[home, inner])
        for ref, expected in (("home", ids(pan, sofa)), (home.id, ids(pan, sofa)), ("kitchen", ids(pan))):
            assert hits(await find(engine, store, category=ref)) == expected
        for ref in ("garage", uuid7()):
            assert (await find(engine, store, category=ref)).total == 0
        counted = {one.slug: one.count for one in (await find(engine, store, category="kitchen")).facets.categories}
        assert counted == {"home": 2, "kitchen": 1}

    async def test_options_have_to_fit_one_variant(self, engine: Engine, store: Store) -> None:
        one = document("One", combinations=({"size": "M", "colour": "Red"}, {"size": "L", "colour": "Blue"}))
        two = document("Two", combinations=({"size": "M", "colour": "Blue"},))
        await put(engine, store, one, two, document("Three"))
        for options, expected in (
            ({"size": ["M"]}, ids(one, two)),
            ({"size": ["M", "L"]}, ids(one, two)),
            ({"size": ["M"], "colour": ["Blue"]}, ids(two)),
            ({"size": ["L"], "colour": ["Red"]}, set[UUID]()),
            ({"size": ["m"]}, set[UUID]()),
            ({"material": ["wool"]}, set[UUID]()),
        ):
            assert hits(await find(engine, store, options=options)) == expected, options

    async def test_a_facet_says_what_another_choice_would_find(self, engine: Engine, store: Store) -> None:
        """Each count is the total of the search with that choice in place of the facet's own."""
        shelf = [Shelf(id=uuid7(), slug=f"s{at}", name=f"S{at}") for at in range(3)]
        await put(engine, store, *_assortment(shelf), shelves=shelf)
        for filters in (
            _NO_FILTERS,
            {"text": "thing", "in_stock": True},
            {"category": "s1", "options": {"size": ["M"]}},
            {"options": {"size": ["M", "S"], "colour": ["Red"]}, "min_price": 1000, "max_price": 1999},
            {"category": "s0", "in_stock": False, "options": {"colour": ["Blue"]}, "max_price": 4000},
        ):
            await _facets_keep_their_word(engine, store, filters)

    @pytest.mark.parametrize("filters", [_NO_FILTERS, {"min_price": 1000}], ids=["all", "filtered"])
    @pytest.mark.parametrize("sort", ["relevance", "price", "-price", "newest", "name", "bestSelling"])
    async def test_every_order_can_be_read_page_by_page(
        self, engine: Engine, store: Store, sort: Any, filters: dict[str, Any]
    ) -> None:
        listed = [document(f"Thing {at % 3}", price=1000 + at % 4, description="thing " * (at % 5)) for at in range(11)]
        await put(engine, store, *listed, sold={one.id: at % 3 for at, one in enumerate(listed)})
        whole = [hit.id for hit in (await find(engine, store, "thing", sort=sort, **filters)).hits]
        assert sorted(whole) == sorted(ids(*listed))
        by_number = [
            await find(engine, store, "thing", sort=sort, **filters, window=Window(limit=4, page=page))
            for page in (1, 2, 3)
        ]
        assert [hit.id for found in by_number for hit in found.hits] == whole
        read: list[UUID] = []
        after: list[object] | None = None
        while True:
            found = await find(engine, store, "thing", sort=sort, **filters, window=Window(limit=4, after=after))
            read += [hit.id for hit in found.hits]
            after = found.next_keys
            if after is None:
                break
        assert read == whole

    async def test_orders_are_what_they_say(self, engine: Engine, store: Store) -> None:
        old, new = document("Beta", price=3), document("Alpha", price=1)
        middle = document("Gamma", price=2)
        await put(engine, store, old, new, middle, sold={old.id: 1, middle.id: 5})
        for sort, expected in (
            ("price", [new, middle, old]),
            ("-price", [old, middle, new]),
            ("name", [new, old, middle]),
            ("newest", [middle, new, old]),
            ("bestSelling", [middle, old, new]),
        ):
            found = await find(engine, store, sort=sort)
            assert [hit.id for hit in found.hits] == [one.id for one in expected], sort

    async def test_a_document_written_again_replaces_the_one_before(self, engine: Engine, store: Store) -> None:
        thing = document("Lamp", price=500)
        for written in (thing, thing, msgspec.structs.replace(thing, name="Torch", price=700)):
            await put(engine, store, written)
        assert (await find(engine, store, "lamp")).total == 0
        assert names(await find(engine, store, "torch", min_price=700)) == ["Torch"]
        await put(engine, store, gone=[thing.id, uuid7()])
        assert (await find(engine, store)).total == 0

    async def test_stock_and_sales_are_told_without_the_document(self, engine: Engine, store: Store) -> None:
        one, two = document("One"), document("Two")
        await put(engine, store, one, two)
        await put(engine, store, in_stock={one.id: False, uuid7(): True}, sold={one.id: 3, uuid7(): 1})
        found = await find(engine, store, in_stock=True)
        assert hits(found) == ids(two)
        assert (found.facets.in_stock, found.facets.out_of_stock) == (1, 1)
        await put(engine, store, sold={one.id: -3, two.id: 1})
        assert [hit.id for hit in (await find(engine, store, sort="bestSelling")).hits] == [two.id, one.id]

    async def test_names_are_suggested_by_what_their_words_begin_with(self, engine: Engine, store: Store) -> None:
        plain, best = document("Linen shirt", description="shoe"), document("Shirt of cotton")
        shelf = Shelf(id=uuid7(), slug="shirts", name="Shirts")
        await put(engine, store, plain, best, sold={best.id: 9}, shelves=[shelf])
        found = await engine.suggest(store, "sh", limit=5)
        assert [one.id for one in found.products] == [best.id, plain.id]
        assert [one.slug for one in found.categories] == ["shirts"]
        assert [one.slug for one in (await engine.suggest(store, "linen s", limit=5)).products] == ["linen-shirt"]
        assert (await engine.suggest(store, "shoe", limit=5)).products == []
        assert len((await engine.suggest(store, "s", limit=1)).products) == 1

    async def test_stores_are_kept_apart(self, engine: Engine, store: Store, other_store: Store) -> None:
        await put(engine, store, document("Linen shirt"))
        await put(engine, other_store, document("Linen skirt"), document("Woollen skirt"))
        assert names(await find(engine, store, "linen")) == ["Linen shirt"]
        assert (await find(engine, store, "wollen")).corrected is None
        assert (await find(engine, store)).total == 1
        assert (await engine.suggest(store, "sk", limit=5)).products == []

    async def test_the_position_moves_with_what_is_written_or_nothing_does(self, engine: Engine, store: Store) -> None:
        assert await engine.position(store.id) is None
        thing = document("Thing")
        await engine.write(store, Changes(documents=[thing], sold={thing.id: 1}), after=None, upto="1-a")
        late = Changes(documents=[document("Late")], gone=[thing.id], sold={thing.id: 1})
        for stale in (None, "0-b"):
            with pytest.raises(Overtaken):
                await engine.write(store, late, after=stale, upto="2-a")
        assert await engine.position(store.id) == "1-a"
        assert names(await find(engine, store)) == ["Thing"]

    async def test_starting_over_forgets_the_position_and_sales_and_still_finds(
        self, engine: Engine, store: Store
    ) -> None:
        one, two = document("One"), document("Two")
        await engine.write(store, Changes(documents=[one, two], sold={one.id: 5}), after=None, upto="1-a")
        await engine.start_over(store)
        assert await engine.position(store.id) is None
        assert [hit.id for hit in (await find(engine, store, sort="bestSelling")).hits] == [two.id, one.id]


def _assortment(shelves: Sequence[Shelf]) -> list[Document]:
    """Twenty-four products, in all mixtures of what they are filtered by."""
    return [
        document(
            f"Thing {at}",
            within=tuple(shelf.id for place, shelf in enumerate(shelves) if (at + place) % 3),
            price=500 * (1 + at % 7),
            in_stock=at % 4 > 0,
            combinations=tuple(
                {"size": size, "colour": colour}
                for step, (size, colour) in enumerate([("S", "Red"), ("M", "Blue"), ("M", "Red"), ("L", "Blue")])
                if (at >> step) % 2
            ),
        )
        for at in range(24)
    ]


async def _facets_keep_their_word(engine: Engine, store: Store, filters: dict[str, Any]) -> None:
    facets = (await engine.find(store, Query(**filters))).facets

    async def total(**other: Any) -> int:
        return (await engine.find(store, Query(**(filters | other)))).total

    for category in facets.categories:
        assert category.count == await total(category=category.id)
    for range_ in facets.prices:
        assert range_.count == await total(min_price=range_.low, max_price=range_.high)
    assert sum(range_.count for range_ in facets.prices) == await total(min_price=None, max_price=None)
    assert facets.in_stock == await total(in_stock=True)
    assert facets.out_of_stock == await total(in_stock=False)
    options = filters.get("options", {})
    for option in facets.options:
        for value in option.values:
            assert value.count == await total(options=options | {option.name: [value.value]}), (filters, option, value)
