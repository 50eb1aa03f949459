"""Where the demo shop sends: a few countries, each with two ways of getting there."""

from tradepost.core.actors import Actor
from tradepost.db import Tx
from tradepost.shipping import methods
from tradepost.shipping.methods import Area, Basis, MethodDraft, Step, Table, ZoneDraft

_ZONES = [
    ("US", "United States", 590, 1490, 5000),
    ("GB", "United Kingdom", 990, 2490, 10_000),
    ("NL", "Netherlands", 1190, 2890, 15_000),
    ("FR", "France", 1290, 2990, 15_000),
    ("AT", "Austria", 1290, 3190, 15_000),
]
"""Country, its name, what a light parcel and an express one cost, and from which subtotal on the first is free."""
_HEAVY = 600


async def ensure(tx: Tx, *, currency: str, actor: Actor) -> None:
    """Makes the zones where the store has none at all."""
    if await methods.has_zones(tx, actor.store_id):
        return
    for at, (country, name, parcel, express, free_above) in enumerate(_ZONES):
        zone = await methods.create_zone(tx, ZoneDraft(name=name, places=(Area(country),)), actor=actor)
        by_weight = Table((Step(2000, parcel), Step(30_000, parcel + _HEAVY)), free_above=free_above)
        for draft in (
            MethodDraft(
                zone_id=zone.id,
                code=f"{country.lower()}-parcel",
                name="Parcel",
                min_days=2,
                max_days=4 + at,
                basis=Basis.WEIGHT,
                prices={currency: by_weight},
            ),
            MethodDraft(
                zone_id=zone.id,
                code=f"{country.lower()}-express",
                name="Express",
                min_days=1,
                max_days=2,
                max_weight=20_000,
                basis=Basis.FLAT,
                prices={currency: Table((Step(None, express),))},
                sort_order=10,
            ),
        ):
            await methods.create_method(tx, draft, currency=currency, actor=actor)
