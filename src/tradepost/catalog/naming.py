"""Names in addresses and on labels: slugs and SKUs, given or made."""

import re
from collections.abc import Iterable
from uuid import UUID

from tradepost.core import texts
from tradepost.core.errors import invalid

_MOST_SLUG = 94
_MOST_SKU = 58
_SLUGS_OF_ROUTES = frozenset({"featured", "low-stock", "search", "suggest"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def reference(text: str) -> UUID | str:
    """What a path names a product or a category by: its id, or its slug."""
    return UUID(text) if _UUID.fullmatch(text) else text


def check_slug(slug: str) -> None:
    """ValidationFailed for a slug that could be an id or is the address of something else."""
    if not _addresses_a_thing(slug):
        raise invalid("/slug", "slug_reserved", "cannot be a slug: it means something else in an address")


def default_slug(name: str, *, kind: str = "product") -> str:
    """A slug made of a name, with room for a number; `kind` stands in where the name has no letters for it."""
    slug = texts.slug(name)[:_MOST_SLUG].strip("-")
    return slug if slug and _addresses_a_thing(slug) else f"{kind}-{slug}".strip("-")


def default_sku(slug: str, values: Iterable[str] = (), *, place: int | None = None) -> str:
    """A SKU made of the product's slug and the values of the variant's options, with room for a number.

    A variant without options among several goes by its place.
    """
    parts = [part for part in map(texts.slug, values) if part] or ([str(place)] if place is not None else [])
    tail = "-".join(["", *parts])[:_MOST_SKU]
    stem = slug[: max(_MOST_SKU - len(tail), 1)].strip("-")
    return f"{stem}{tail}"[:_MOST_SKU].strip("-").upper()


def _addresses_a_thing(slug: str) -> bool:
    return slug not in _SLUGS_OF_ROUTES and not _UUID.fullmatch(slug)
