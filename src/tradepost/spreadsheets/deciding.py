"""What rows mean for products: new ones, or edits of those that are there. No I/O."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET

from tradepost.catalog import (
    Dimensions,
    Draft,
    Edit,
    Known,
    Product,
    ProductChanges,
    Variant,
    VariantChanges,
    VariantDraft,
)
from tradepost.catalog.categories import Path
from tradepost.core.changes import given
from tradepost.spreadsheets import fields
from tradepost.spreadsheets.model import Layout, RowError
from tradepost.spreadsheets.rows import Group, Row, Values, images_of, said

_SAME = {
    "name": "name",
    "description": "description",
    "shortDescription": "short_description",
    "status": "status",
    "isFeatured": "is_featured",
    "seoTitle": "seo_title",
    "seoDescription": "seo_description",
    "taxClass": "tax_class",
}
"""Fields of a product that are taken as they are."""

_SAME_OF_VARIANT = {
    "barcode": "barcode",
    "variantName": "name",
    "options": "options",
    "comparePrice": "compare_price",
    "costPrice": "cost_price",
    "trackInventory": "track_inventory",
    "lowStockThreshold": "low_stock_threshold",
    "weight": "weight",
    "isActive": "is_active",
}
_SIDES = ("length", "width", "height")
_MOST_NAME = 200


class Plan(msgspec.Struct, eq=False):
    """What is to become of the product of a group: `draft` makes one, `edit` changes the one with `product_id`."""

    group: Group
    draft: Draft | None = None
    product_id: UUID | None = None
    edit: Edit = Edit()


class Homes(msgspec.Struct, frozen=True):
    """Categories by their paths, and the paths of all of them."""

    ids: Mapping[Path, UUID]
    paths: Mapping[UUID, Path]

    def of(self, path: Path, present: Sequence[UUID | None]) -> UUID:
        """The category of a path: where several have it, the one that the product is in already."""
        for id_ in present:
            if id_ is not None and self.paths.get(id_) == path:
                return id_
        return self.ids[path]


def grouped(rows: Sequence[Row], known: Known) -> list[Group]:
    """The rows of each product together, in the order of the file."""
    groups: dict[object, Group] = {}
    for row in rows:
        by_sku = known.by_sku.get(row.sku)
        key: object = row.line
        if row.slug is not None:
            key = known.by_slug.get(row.slug, row.slug)
        elif by_sku is not None and not any(error.code == "sku_repeated" for error in row.errors):
            key = by_sku[0]
        groups.setdefault(key, Group([])).rows.append(row)
    return list(groups.values())


def check(group: Group, known: Known, layout: Layout) -> None:
    """Finds rows whose SKU belongs to another product than the one that they name."""
    for row in group.rows:
        found = known.by_sku.get(row.sku)
        if found is not None and row.slug is not None and known.by_slug.get(row.slug) != found[0]:
            refuse(row, layout, "sku", "sku_taken", "is the SKU of another product than this one")


def refuse(row: Row, layout: Layout, field: str, code: str, detail: str) -> None:
    row.errors.append(RowError(row.line, fields.header_of(layout, field), row.sku or None, code, detail))


def plan(group: Group, known: Known, products: Mapping[UUID, Product], homes: Homes, layout: Layout) -> Plan:
    """What the rows ask for; what is wrong with that is among the rows' errors."""
    values = said(group, layout)
    product_id = _product_of(group, known)
    product = None if product_id is None else products.get(product_id)
    if product is None:
        return Plan(group, draft=_draft(group, values, homes, layout))
    return Plan(group, product_id=product.id, edit=_edit(group, values, product, homes, layout))


def _product_of(group: Group, known: Known) -> UUID | None:
    if group.first.slug is not None and group.first.slug in known.by_slug:
        return known.by_slug[group.first.slug]
    found = known.by_sku.get(group.first.sku)
    return None if found is None else found[0]


def _draft(group: Group, values: Values, homes: Homes, layout: Layout) -> Draft:
    if "name" not in values:
        refuse(group.first, layout, "name", "required", "is missing: a new product needs one")
    facts = {name: values[field] for field, name in _SAME.items() if field in values} | {"name": values.get("name", "")}
    price = next((row.values["price"] for row in group.rows if "price" in row.values), None)
    several = len(group.rows) > 1
    return Draft(
        **facts,
        slug=group.first.slug,
        price=price,
        category_id=homes.of(values["category"], ()) if "category" in values else None,
        category_ids=tuple(homes.of(path, ()) for path in values.get("categories", ())),
        images=images_of(values, {}) or (),
        variants=tuple(_variant(row, price, layout, named=several) for row in group.rows),
    )


def _variant(row: Row, price: int | None, layout: Layout, *, named: bool) -> VariantDraft:
    """A new variant. One among several is called after its options where it has no name."""
    facts = {name: row.values[field] for field, name in _SAME_OF_VARIANT.items() if field in row.values}
    facts.setdefault("name", " / ".join(facts.get("options", {}).values())[:_MOST_NAME])
    if named and not facts["name"]:
        refuse(row, layout, "options", "required", "is missing: nothing tells this variant from the others")
    sides = [row.values[side] for side in _SIDES if side in row.values]
    if sides and len(sides) < len(_SIDES):
        missing = next(side for side in _SIDES if side not in row.values)
        refuse(row, layout, missing, "required", "is missing: length, width and height go together")
    if "stock" in row.values and facts.get("track_inventory") is False:
        refuse(row, layout, "stock", "not_tracked", "makes no sense: stock is not tracked")
    own = row.values.get("price")
    return VariantDraft(
        **facts,
        sku=row.sku,
        own_price=None if own == price else own,
        dimensions=Dimensions(*sides) if len(sides) == len(_SIDES) else None,
        opening_stock=row.values.get("stock", 0),
        pointer=f"/rows/{row.line}",
    )


def _edit(group: Group, values: Values, product: Product, homes: Homes, layout: Layout) -> Edit:
    variants = {variant.sku: variant for variant in product.variants}
    old = [(row, variants[row.sku]) for row in group.rows if row.sku in variants]
    new = [row for row in group.rows if row.sku not in variants]
    price, own = _prices(product, old, new)
    changes = {name: values[field] for field, name in _SAME.items() if field in values}
    if price is not None:
        changes["price"] = price
    if "category" in values:
        changes["category_id"] = homes.of(values["category"], [product.category_id])
    if "categories" in values:
        changes["category_ids"] = tuple(homes.of(path, product.category_ids) for path in values["categories"])
    if "imageAlts" in values:
        values.setdefault("images", tuple(image.url for image in product.images))
    images = images_of(values, {image.url: image.alt for image in product.images})
    after = product.price if price is None else price
    edits = {variant.id: _changes(row, variant, own, layout) for row, variant in old}
    return Edit(
        changes=ProductChanges(**changes),
        variants={id_: edit for id_, edit in edits.items() if given(edit)},
        new=tuple(_variant(row, after, layout, named=True) for row in new),
        images=UNSET if images is None else images,
        pointers={variant.id: f"/rows/{row.line}" for row, variant in old},
    )


def _prices(
    product: Product, old: Sequence[tuple[Row, Variant]], new: Sequence[Row]
) -> tuple[int | None, dict[UUID, int | None]]:
    """The price that the product gets, if any, and the own prices that its variants get.

    Where all variants get one price, it becomes the product's; else each that differs has its own.
    """
    asked = {variant.id: row.values["price"] for row, variant in old if "price" in row.values}
    if all(asked.get(variant.id, variant.price) == variant.price for variant in product.variants):
        return None, {}
    prices = set(asked.values()) | {row.values["price"] for row in new if "price" in row.values}
    if len(asked) == len(product.variants) and len(prices) == 1:
        return prices.pop(), dict.fromkeys(asked)
    by_id = {variant.id: variant for variant in product.variants}
    return None, {
        id_: None if price == product.price else price for id_, price in asked.items() if price != by_id[id_].price
    }


def _changes(row: Row, variant: Variant, own: Mapping[UUID, int | None], layout: Layout) -> VariantChanges:
    changes = {name: row.values[field] for field, name in _SAME_OF_VARIANT.items() if field in row.values}
    if variant.id in own:
        changes["own_price"] = own[variant.id]
    known = variant.dimensions
    sides = [row.values.get(side, getattr(known, side, None)) for side in _SIDES]
    if any(side in row.values for side in _SIDES):
        if None in sides:
            refuse(
                row, layout, _SIDES[sides.index(None)], "required", "is missing: length, width and height go together"
            )
        else:
            changes["dimensions"] = Dimensions(*sides)
    if "stock" in row.values and not changes.get("track_inventory", variant.track_inventory):
        refuse(row, layout, "stock", "not_tracked", "makes no sense: stock is not tracked")
    return VariantChanges(**changes)
