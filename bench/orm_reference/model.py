"""Tradepost's tables, mapped in the usual way. Columns that the database fills by itself are left out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Sequence
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NUMBERS = Sequence("bench_number")


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSONB, list[Any]: JSONB}  # noqa: RUF012 - as SQLAlchemy wants it


class Product(Base):
    __tablename__ = "product"

    store_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


class Variant(Base):
    __tablename__ = "product_variant"

    store_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey(Product.id))
    sku: Mapped[str]
    name: Mapped[str]
    options: Mapped[dict[str, Any]]
    price: Mapped[int]
    is_active: Mapped[bool]
    product: Mapped[Product] = relationship()


class StockLevel(Base):
    __tablename__ = "stock_level"

    store_id: Mapped[UUID] = mapped_column(primary_key=True)
    variant_id: Mapped[UUID] = mapped_column(primary_key=True)
    location_id: Mapped[UUID] = mapped_column(primary_key=True)
    on_hand: Mapped[int]
    reserved: Mapped[int]


class StockMovement(Base):
    __tablename__ = "stock_movement"

    store_id: Mapped[UUID]
    variant_id: Mapped[UUID]
    location_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    on_hand_change: Mapped[int]
    reserved_change: Mapped[int]
    order_id: Mapped[UUID | None]
    actor_kind: Mapped[str]


class SalesOrder(Base):
    __tablename__ = "sales_order"

    store_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_number: Mapped[str]
    status: Mapped[str]
    payment_status: Mapped[str]
    fulfillment_status: Mapped[str]
    email: Mapped[str]
    currency: Mapped[str]
    tax_included: Mapped[bool]
    subtotal: Mapped[int]
    discount_amount: Mapped[int]
    tax_amount: Mapped[int]
    shipping_amount: Mapped[int]
    total_amount: Mapped[int]
    shipping_address: Mapped[dict[str, Any]]
    billing_address: Mapped[dict[str, Any]]
    words: Mapped[Any] = mapped_column(TSVECTOR)
    updated_at: Mapped[datetime]
    lines: Mapped[list["OrderLine"]] = relationship()
    taxes: Mapped[list["OrderTax"]] = relationship()


class OrderLine(Base):
    __tablename__ = "order_line"

    store_id: Mapped[UUID]
    order_id: Mapped[UUID] = mapped_column(ForeignKey(SalesOrder.id))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]
    product_id: Mapped[UUID]
    variant_id: Mapped[UUID]
    sku: Mapped[str]
    name: Mapped[str]
    options: Mapped[dict[str, Any]]
    quantity: Mapped[int]
    price: Mapped[int]
    subtotal: Mapped[int]
    discount_amount: Mapped[int]
    tax_amount: Mapped[int]
    total_amount: Mapped[int]


class OrderTax(Base):
    __tablename__ = "order_tax"

    store_id: Mapped[UUID]
    order_id: Mapped[UUID] = mapped_column(ForeignKey(SalesOrder.id), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    rate_ppm: Mapped[int]
    taxable_amount: Mapped[int]
    amount: Mapped[int]


class Event(Base):
    __tablename__ = "event"

    store_id: Mapped[UUID]
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    sequence: Mapped[int]
    actor_kind: Mapped[str]
    payload: Mapped[dict[str, Any]]


class IdempotencyAnswer(Base):
    __tablename__ = "idempotency_answer"

    store_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int]
    headers: Mapped[list[Any]]
    body: Mapped[bytes]
