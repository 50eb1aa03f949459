"""The canonical order the usual way: FastAPI, SQLAlchemy's ORM, a transaction for each request.

It is spared what Tradepost does besides: it looks up no API key, and its order numbers come from a sequence.
"""

import hashlib
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import joinedload

from .model import (
    NUMBERS,
    Event,
    IdempotencyAnswer,
    OrderLine,
    OrderTax,
    SalesOrder,
    StockLevel,
    StockMovement,
    Variant,
)

STORE = uuid.UUID("01900000-0000-7000-8000-000000000000")
TAX_PPM = 200_000

engine = create_async_engine(os.environ["ORM_REFERENCE_DATABASE_URL"], pool_size=20, max_overflow=0, pool_timeout=60)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", from_attributes=True)


class ItemIn(Wire):
    variant_id: uuid.UUID
    quantity: int = Field(ge=1, le=9999)


class Address(Wire):
    first_name: str = Field(min_length=1, max_length=200)
    last_name: str = Field(min_length=1, max_length=200)
    line1: str = Field(min_length=1, max_length=200)
    city: str = Field(min_length=1, max_length=200)
    postal_code: str = Field(max_length=20)
    country: str = Field(pattern="^[A-Z]{2}$")


class OrderIn(Wire):
    email: str = Field(min_length=3, max_length=200)
    items: list[ItemIn] = Field(min_length=1, max_length=100)
    shipping_address: Address


class LineOut(Wire):
    id: uuid.UUID
    product_id: uuid.UUID
    variant_id: uuid.UUID
    sku: str
    name: str
    options: dict[str, str]
    quantity: int
    price: int
    subtotal: int
    discount_amount: int
    tax_amount: int
    total_amount: int


class OrderOut(Wire):
    id: uuid.UUID
    order_number: str
    status: str
    payment_status: str
    fulfillment_status: str
    email: str
    currency: str
    lines: list[LineOut] = Field(serialization_alias="items")
    tax_included: bool
    subtotal: int
    discount_amount: int
    tax_amount: int
    shipping_amount: int
    total_amount: int
    shipping_address: Address
    billing_address: Address
    updated_at: datetime


async def _session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/orders")
async def place(
    body: OrderIn,
    idempotency_key: Annotated[str, Header(max_length=255)],
    session: Annotated[AsyncSession, Depends(_session)],
) -> Response:
    key_hash = hashlib.sha256(idempotency_key.encode()).digest()
    async with session.begin():
        kept = await session.get(IdempotencyAnswer, (STORE, key_hash))
        if kept:
            return Response(kept.body, kept.status, media_type="application/json")
        order = await _place(session, body)
        answer = OrderOut.model_validate(order).model_dump_json(by_alias=True).encode()
        session.add(_kept(key_hash, body, order, answer))
    return Response(answer, 201, media_type="application/json")


async def _place(session: AsyncSession, body: OrderIn) -> SalesOrder:
    wanted = {item.variant_id: item.quantity for item in body.items}
    variants = await _variants(session, wanted)
    levels = await _locked_levels(session, wanted)
    number = await session.scalar(NUMBERS)
    order = _order(body, variants, wanted, f"TP-{number:09}")
    session.add_all([order, _event(order), *(_take(order, level, wanted[level.variant_id]) for level in levels)])
    return order


async def _variants(session: AsyncSession, wanted: dict[uuid.UUID, int]) -> Sequence[Variant]:
    found = await session.scalars(
        select(Variant)
        .where(Variant.store_id == STORE, Variant.id.in_(wanted), Variant.is_active)
        .options(joinedload(Variant.product))
    )
    variants = found.all()
    if len(variants) < len(wanted):
        raise HTTPException(422, "There is no such variant")
    return variants


async def _locked_levels(session: AsyncSession, wanted: dict[uuid.UUID, int]) -> Sequence[StockLevel]:
    found = await session.scalars(
        select(StockLevel)
        .where(StockLevel.store_id == STORE, StockLevel.variant_id.in_(wanted))
        .order_by(StockLevel.variant_id)
        .with_for_update()
    )
    levels = found.all()
    if any(level.on_hand - level.reserved < wanted[level.variant_id] for level in levels):
        raise HTTPException(409, "There is not enough stock")
    return levels


def _order(body: OrderIn, variants: Sequence[Variant], wanted: dict[uuid.UUID, int], number: str) -> SalesOrder:
    lines = [_line(at, variant, wanted[variant.id]) for at, variant in enumerate(variants)]
    subtotal = sum(line.subtotal for line in lines)
    tax = sum(line.tax_amount for line in lines)
    return SalesOrder(
        store_id=STORE,
        id=_new_id(),
        order_number=number,
        status="PENDING",
        payment_status="PENDING",
        fulfillment_status="UNFULFILLED",
        email=body.email,
        currency="EUR",
        tax_included=False,
        subtotal=subtotal,
        discount_amount=0,
        tax_amount=tax,
        shipping_amount=0,
        total_amount=subtotal + tax,
        shipping_address=body.shipping_address.model_dump(by_alias=True),
        billing_address=body.shipping_address.model_dump(by_alias=True),
        words=func.array_to_tsvector(_words(number, body, lines)),
        updated_at=datetime.now(UTC),
        lines=lines,
        taxes=[OrderTax(store_id=STORE, position=0, name="VAT", rate_ppm=TAX_PPM, taxable_amount=subtotal, amount=tax)],
    )


def _line(at: int, variant: Variant, quantity: int) -> OrderLine:
    subtotal = variant.price * quantity
    tax = (subtotal * TAX_PPM + 500_000) // 1_000_000
    return OrderLine(
        store_id=STORE,
        id=_new_id(),
        position=at,
        product_id=variant.product_id,
        variant_id=variant.id,
        sku=variant.sku,
        name=f"{variant.product.name} / {variant.name}",
        options=variant.options,
        quantity=quantity,
        price=variant.price,
        subtotal=subtotal,
        discount_amount=0,
        tax_amount=tax,
        total_amount=subtotal + tax,
    )


def _words(number: str, body: OrderIn, lines: Sequence[OrderLine]) -> list[str]:
    said = [number, *number.split("-"), body.email, *body.email.replace("@", ".").split(".")]
    said += [body.shipping_address.first_name, body.shipping_address.last_name]
    for line in lines:
        said += [*line.name.replace("/", "").split(), line.sku, *line.sku.split("-")]
    return sorted({word.casefold() for word in said})


def _event(order: SalesOrder) -> Event:
    payload: dict[str, Any] = {
        "orderNumber": order.order_number,
        "customerId": None,
        "currency": order.currency,
        "total": order.total_amount,
        "items": [{"variantId": str(line.variant_id), "quantity": line.quantity} for line in order.lines],
    }
    return Event(
        store_id=STORE,
        id=_new_id(),
        name="order.placed",
        subject_type="order",
        subject_id=order.id,
        sequence=1,
        actor_kind="key",
        payload=payload,
    )


def _take(order: SalesOrder, level: StockLevel, quantity: int) -> StockMovement:
    level.reserved += quantity
    return StockMovement(
        store_id=STORE,
        variant_id=level.variant_id,
        location_id=level.location_id,
        id=_new_id(),
        kind="reserve",
        on_hand_change=0,
        reserved_change=quantity,
        order_id=order.id,
        actor_kind="key",
    )


def _kept(key_hash: bytes, body: OrderIn, order: SalesOrder, answer: bytes) -> IdempotencyAnswer:
    return IdempotencyAnswer(
        store_id=STORE,
        key_hash=key_hash,
        fingerprint=hashlib.sha256(body.model_dump_json().encode()).digest()[:16],
        status=201,
        headers=[["location", f"/api/v1/orders/{order.id}"], ["etag", '"v1"'], ["cache-control", "no-store"]],
        body=answer,
    )


def _new_id() -> uuid.UUID:
    """A UUIDv7, as in Tradepost: new rows go to the end of their indexes."""
    ms = time.time_ns() // 1_000_000
    return uuid.UUID(int=(ms << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62))
