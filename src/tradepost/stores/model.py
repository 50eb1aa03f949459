from uuid import UUID

import msgspec


class Store(msgspec.Struct, frozen=True):
    """A tenant. `tax_rate_ppm` is in millionths; `tax_included` says whether prices contain the tax."""

    id: UUID
    slug: str
    name: str
    hosts: list[str]
    currency: str
    locale: str
    time_zone: str
    tax_name: str
    tax_rate_ppm: int
    tax_included: bool
    order_prefix: str
    is_default: bool
