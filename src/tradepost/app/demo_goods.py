"""What the demo shop sells: the n-th product is the same in every shop."""

import random
from collections.abc import Mapping
from itertools import product as combinations
from uuid import UUID

from tradepost.catalog import Draft, ImageDraft, Option, Status, VariantDraft, categories
from tradepost.catalog.categories import CategoryDraft
from tradepost.core import texts
from tradepost.core.actors import Actor
from tradepost.db import Tx

_IMAGES = "https://images.example.com"
_ADJECTIVES = (
    "Enamel Oak Linen Copper Slate Wool Cork Brass Canvas Glazed Walnut Marble Bamboo Felt Ash Stoneware".split()
)
_THINGS = "mug bowl lamp blanket board vase apron basket clock tray stool cushion kettle jar hook towel".split()
_SERIES = "Alba Brook Cove Dune Elm Fjord Grove Hale".split()
_LINES = (
    "Amber Anchor Arbor Atlas Aurora Bay Birch Bluff Canyon Cedar Cinder Cliff Clover Coast Comet Coral Crest Delta "
    "Drift Ember Fern Field Flint Forge Frost Garnet Glen Harbour Harvest Haven Hazel Heath Iris Ivory Juniper Lagoon "
    "Lark Laurel Linden Maple Meadow Mist Moor Nova Onyx Opal Orchard Pebble Pine Quarry Raven Reef Ridge Sable Sage "
    "Shore Solstice Summit Thistle Timber Vale Willow Winter Zephyr"
).split()
_SIZES = ("Small", "Medium", "Large")
_COLOURS = ("Natural", "Charcoal", "Moss", "Rust")
_SOFT = frozenset({"blanket", "apron", "cushion", "towel"})

# Each category with its slug, its parent's, and the things that are at home there.
_TREE = [
    ("Kitchen", "kitchen", None, ""),
    ("Tableware", "tableware", "kitchen", ""),
    ("Cups and mugs", "cups-and-mugs", "tableware", "mug"),
    ("Bowls and trays", "bowls-and-trays", "tableware", "bowl tray"),
    ("Cooking", "cooking", "kitchen", "kettle board"),
    ("Storage", "storage", "kitchen", "jar"),
    ("Aprons and towels", "aprons-and-towels", "kitchen", "apron towel"),
    ("Living", "living", None, ""),
    ("Lighting", "lighting", "living", "lamp"),
    ("Blankets and cushions", "blankets-and-cushions", "living", "blanket cushion"),
    ("Vases and clocks", "vases-and-clocks", "living", "vase clock"),
    ("Seating", "seating", "living", "stool"),
    ("Hall and bath", "hall-and-bath", None, ""),
    ("Baskets and hooks", "baskets-and-hooks", "hall-and-bath", "basket hook"),
    ("Gifts", "gifts", None, ""),
]
_HOMES = {thing: slug for _, slug, _, things in _TREE for thing in things.split()}
_GIFTS = "gifts"


async def grow(tx: Tx, *, actor: Actor) -> dict[str, UUID]:
    """The demo's categories by slug: those that there are, and new ones."""
    ids: dict[str, UUID] = {}
    for place, (name, slug, parent, _) in enumerate(_TREE, 1):
        found = await categories.find(tx, actor.store_id, slug)
        if found is None:
            draft = _category(place, name, slug, ids[parent] if parent else None)
            found = await categories.create(tx, draft, actor=actor)
        ids[slug] = found.id
    return ids


def _category(place: int, name: str, slug: str, parent_id: UUID | None) -> CategoryDraft:
    image = ImageDraft(f"{_IMAGES}/categories/{slug}.jpg", name)
    description = f"{name}, made to be used every day."
    return CategoryDraft(
        name=name, slug=slug, parent_id=parent_id, description=description, image=image, sort_order=10 * place
    )


def product(number: int, homes: Mapping[str, UUID]) -> Draft:
    """The n-th product, in the categories of `grow`."""
    if number == 0:
        return _mug(homes)
    dice = random.Random(number)  # noqa: S311 - the same shop every time
    adjective, thing, series = _NAMES[number % len(_NAMES)]
    name = f"{series}{_line(number // len(_NAMES))} {adjective.lower()} {thing}"
    slug = texts.slug(name)
    price = dice.randrange(6, 180) * 100 + dice.choice([0, 50, 90, 99])
    options = _options(number, thing)
    return Draft(
        name=name,
        slug=slug,
        description=f"{adjective} {thing} of the {series} series, made to be used every day.",
        short_description=f"{adjective} {thing}",
        status=Status.DRAFT if number % 23 == 0 else Status.ACTIVE,
        is_featured=number % 17 == 0,
        price=price,
        options=options,
        category_id=homes[_HOMES[thing]],
        category_ids=(homes[_GIFTS],) if number % 9 == 0 else (),
        images=_images(thing, slug, name),
        variants=tuple(_variant(dice, number, slug, price, combination) for combination in _combinations(options)),
    )


def _mug(homes: Mapping[str, UUID]) -> Draft:
    return Draft(
        name="Demo mug",
        slug="demo-mug",
        variants=(VariantDraft(sku="DEMO-MUG", weight=380, opening_stock=100_000),),
        description="Enamelled steel, holds a third of a litre. Made for first orders.",
        short_description="A mug for first orders",
        status=Status.ACTIVE,
        is_featured=True,
        price=1450,
        category_id=homes[_HOMES["mug"]],
        category_ids=(homes[_GIFTS],),
        images=_images("mug", "demo-mug", "Demo mug"),
    )


def _line(edition: int) -> str:
    """What tells apart what would have one name: 130,000 products have names of words alone."""
    if not edition:
        return ""
    again, place = divmod(edition - 1, len(_LINES))
    return f" {_LINES[place]}" + (f" {again + 1}" if again else "")


def _options(number: int, thing: str) -> tuple[Option, ...]:
    """What it can be had in: every fifth in sizes, soft things in colours, and some in both."""
    sizes = (Option("size", _SIZES),) if number % 5 == 0 else ()
    colours = (Option("colour", _COLOURS),) if thing in _SOFT else ()
    return sizes + colours


def _combinations(options: tuple[Option, ...]) -> list[dict[str, str]]:
    """One without anything where there are no options."""
    names = [option.name for option in options]
    return [dict(zip(names, values, strict=True)) for values in combinations(*(option.values for option in options))]


def _variant(dice: random.Random, number: int, slug: str, price: int, combination: dict[str, str]) -> VariantDraft:
    """Larger ones have a price of their own; the others cost what the product does."""
    larger = 500 * _SIZES.index(combination["size"]) if "size" in combination else 0
    letters = "-".join(["", *(value[0] for value in combination.values())])
    return VariantDraft(
        own_price=price + larger if larger else None,
        sku=f"{slug.upper()}{letters}",
        name=" / ".join(combination.values()),
        options=combination,
        compare_price=price + larger + 1000 if number % 7 == 0 else None,
        cost_price=price // 2,
        weight=dice.randrange(80, 4000),
        opening_stock=dice.choice([0, 12, 60, 150, 400]),
    )


def _images(thing: str, slug: str, name: str) -> tuple[ImageDraft, ...]:
    """Of nothing: the host is the one that is kept for examples."""
    return (
        ImageDraft(f"{_IMAGES}/{slug}.jpg", name),
        ImageDraft(f"{_IMAGES}/{slug}-in-use.jpg", f"Somebody with the {thing}"),
    )


_NAMES = [(adjective, thing, series) for series, thing, adjective in combinations(_SERIES, _THINGS, _ADJECTIVES)]
random.Random(0).shuffle(_NAMES)  # noqa: S311 - the same shop every time
