from tradepost.core import money
from tradepost.core.errors import NotFound, ReferenceNotFound, Stale
from tradepost.db import Tx
from tradepost.http import Amount, Answer, Call, PageOut, Routes, page_out, window
from tradepost.http.call import etag
from tradepost.shipping.methods import actions, store
from tradepost.shipping.methods.choosing import Methods, Parcel, wanted
from tradepost.shipping.methods.model import (
    MethodChanges,
    ShippingCodeTaken,
    ShippingZoneOverlaps,
    TooManyShippingMethods,
    TooManyShippingZones,
    ZoneChanges,
)
from tradepost.shipping.methods.wire import (
    OptionsQuery,
    ShippingMethodIn,
    ShippingMethodOut,
    ShippingMethodPatch,
    ShippingMethodsQuery,
    ShippingOptionsOut,
    ShippingZoneIn,
    ShippingZoneOut,
    ShippingZonePatch,
    ShippingZonesQuery,
    method_changes_of,
    method_draft_of,
    method_out,
    options_out,
    place_of,
    zone_changes_of,
    zone_draft_of,
    zone_out,
)
from tradepost.stores import store_of

routes = Routes("Shipping methods", "Where a shop sends, how, and what that costs.")


@routes.get("/shipping-zones", query=ShippingZonesQuery, answer=PageOut[ShippingZoneOut])
async def list_shipping_zones(call: Call, query: ShippingZonesQuery) -> Answer:
    """List zones, newest first."""
    async with call.db.read() as db:
        page = await store.page_of_zones(db, call.actor.store_id, is_active=query.is_active, window=window(call, query))
    return call.json(page_out(call, query, page, zone_out))


@routes.write(
    "POST",
    "/shipping-zones",
    body=ShippingZoneIn,
    answer=ShippingZoneOut,
    status=201,
    problems=[ShippingZoneOverlaps, TooManyShippingZones],
    example={"name": "Corsica", "places": [{"country": "FR", "postalPrefixes": ["20"]}]},
)
async def create_shipping_zone(call: Call, tx: Tx, body: ShippingZoneIn) -> Answer:
    """Create a zone. Of zones that have a place, the one that says so most closely sends there."""
    zone = await actions.create_zone(tx, zone_draft_of(body), actor=call.actor)
    location = ("location", f"/api/v1/shipping-zones/{zone.id}")
    return call.json(zone_out(zone), status=201, headers=[location, etag(zone.version)])


@routes.get("/shipping-zones/{zone_id}", answer=ShippingZoneOut, problems=[NotFound])
async def read_shipping_zone(call: Call) -> Answer:
    """Read one zone."""
    async with call.db.read() as db:
        zone = await store.get_zone(db, call.actor.store_id, call.id("zone_id"))
    return call.json(zone_out(zone), headers=[etag(zone.version)])


@routes.write(
    "PATCH",
    "/shipping-zones/{zone_id}",
    body=ShippingZonePatch,
    answer=ShippingZoneOut,
    problems=[NotFound, Stale, ShippingZoneOverlaps, TooManyShippingZones],
    example={"name": "Corsica and overseas", "places": [{"country": "FR", "postalPrefixes": ["20", "97", "98"]}]},
)
async def change_shipping_zone(call: Call, tx: Tx, body: ShippingZonePatch) -> Answer:
    """Change some fields of a zone."""
    changes, expected = zone_changes_of(body), call.expected_version()
    zone = await actions.change_zone(tx, call.id("zone_id"), changes, actor=call.actor, expected_version=expected)
    return call.json(zone_out(zone), headers=[etag(zone.version)])


@routes.write("DELETE", "/shipping-zones/{zone_id}", status=204, problems=[NotFound, Stale])
async def retire_shipping_zone(call: Call, tx: Tx) -> Answer:
    """Send to a zone no longer. It stays readable, and its places are free for other zones."""
    expected = call.expected_version()
    changes = ZoneChanges(is_active=False)
    await actions.change_zone(tx, call.id("zone_id"), changes, actor=call.actor, expected_version=expected)
    return Answer(204)


@routes.get("/shipping-methods", query=ShippingMethodsQuery, answer=PageOut[ShippingMethodOut])
async def list_shipping_methods(call: Call, query: ShippingMethodsQuery) -> Answer:
    """List methods, newest first."""
    async with call.db.read() as db:
        page = await store.page_of_methods(
            db, call.actor.store_id, zone_id=query.zone_id, is_active=query.is_active, window=window(call, query)
        )
    return call.json(page_out(call, query, page, method_out))


@routes.get("/shipping-methods/options", query=OptionsQuery, answer=ShippingOptionsOut)
async def preview_shipping_options(call: Call, query: OptionsQuery) -> Answer:
    """Show what a parcel could be sent by, and what that costs, in the store's currency; and why not otherwise."""
    currency = store_of(call).currency
    subtotal = money.parse_field(query.subtotal or Amount(0), currency, pointer="?subtotal")
    parcel = Parcel(place_of(query), query.weight, subtotal, query.items, currency)
    statement, params = wanted(call.actor.store_id)
    async with call.db.read() as db:
        methods = Methods(await db.rows(statement, params))
    found = methods.options(parcel, lambda amount, _: amount)
    return call.json(options_out(found, currency))


@routes.write(
    "POST",
    "/shipping-methods",
    body=ShippingMethodIn,
    answer=ShippingMethodOut,
    status=201,
    problems=[ShippingCodeTaken, ReferenceNotFound, TooManyShippingMethods],
    example={
        "zoneId": "01a1fbff-2141-7000-8b59-f93f8f5c99d6",
        "code": "parcel",
        "name": "Parcel",
        "minDays": 2,
        "maxDays": 4,
        "basis": "WEIGHT",
        "prices": {
            "USD": {
                "steps": [{"upTo": 2000, "amount": "4.90"}, {"upTo": 31500, "amount": "9.90"}],
                "freeAbove": "100.00",
            }
        },
    },
)
async def create_shipping_method(call: Call, tx: Tx, body: ShippingMethodIn) -> Answer:
    """Create a way of sending to a zone, or of picking up."""
    currency = store_of(call).currency
    method = await actions.create_method(tx, method_draft_of(body), currency=currency, actor=call.actor)
    location = ("location", f"/api/v1/shipping-methods/{method.id}")
    return call.json(method_out(method), status=201, headers=[location, etag(method.version)])


@routes.get("/shipping-methods/{method_id}", answer=ShippingMethodOut, problems=[NotFound])
async def read_shipping_method(call: Call) -> Answer:
    """Read one method."""
    async with call.db.read() as db:
        method = await store.get_method(db, call.actor.store_id, call.id("method_id"))
    return call.json(method_out(method), headers=[etag(method.version)])


@routes.write(
    "PATCH",
    "/shipping-methods/{method_id}",
    body=ShippingMethodPatch,
    answer=ShippingMethodOut,
    problems=[NotFound, Stale, ShippingCodeTaken, ReferenceNotFound, TooManyShippingMethods],
    example={"name": "Parcel, insured", "sortOrder": 10},
)
async def change_shipping_method(call: Call, tx: Tx, body: ShippingMethodPatch) -> Answer:
    """Change some fields of a method. Orders keep what they were placed with."""
    method_id = call.id("method_id")
    # What `upTo` counts depends on the basis, which nobody may change between its reading and this change.
    await store.lock_all(tx, call.actor.store_id)
    basis = (await store.get_method(tx, call.actor.store_id, method_id)).basis
    method = await actions.change_method(
        tx,
        method_id,
        method_changes_of(body, basis),
        currency=store_of(call).currency,
        actor=call.actor,
        expected_version=call.expected_version(),
    )
    return call.json(method_out(method), headers=[etag(method.version)])


@routes.write("DELETE", "/shipping-methods/{method_id}", status=204, problems=[NotFound, Stale])
async def retire_shipping_method(call: Call, tx: Tx) -> Answer:
    """Offer a method no longer. It stays readable, as orders have its code."""
    await actions.change_method(
        tx,
        call.id("method_id"),
        MethodChanges(is_active=False),
        currency=store_of(call).currency,
        actor=call.actor,
        expected_version=call.expected_version(),
    )
    return Answer(204)
