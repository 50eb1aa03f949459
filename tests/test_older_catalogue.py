"""A shop that was there before categories, options and prices of products: nothing of it costs anything else now."""

import psycopg

from tradepost.app.verifying import verify
from tradepost.core.ids import uuid7
from tradepost.db import migrations

_FIRST_WITH_OPTIONS = "0010"


def _older(url: str) -> None:
    """A database as it was before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "create table schema_migration"
            " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
        )
        for migration in migrations.all_migrations():
            if migration.name < _FIRST_WITH_OPTIONS:
                connection.execute(migration.statements.encode())
                connection.execute(
                    "insert into schema_migration (name, checksum) values (%s, %s)",
                    [migration.name, migration.checksum],
                )


def _product(connection: psycopg.Connection, slug: str, *variants: tuple[int, str]) -> None:
    """A product on sale with variants of a price and options each."""
    ((store_id,),) = connection.execute("select id from store").fetchall()
    names = {"store": store_id, "id": uuid7(), "slug": slug}
    connection.execute(
        """
        insert into product (store_id, id, slug, name, description, short_description, status, is_featured)
        values (%(store)s, %(id)s, %(slug)s, %(slug)s, '', '', 'ACTIVE', false)
        """,
        names,
    )
    for position, (price, options) in enumerate(variants):
        connection.execute(
            """
            insert into product_variant (store_id, id, product_id, position, sku, name, options, price,
                                         track_inventory, low_stock_threshold)
            values (%(store)s, %(variant)s, %(id)s, %(position)s, %(sku)s, '', %(options)s, %(price)s, false, 5)
            """,
            names
            | {
                "variant": uuid7(),
                "position": position,
                "sku": f"{slug}-{position}",
                "options": options,
                "price": price,
            },
        )
    connection.execute(
        """
        insert into event (store_id, id, name, subject_type, subject_id, sequence, actor_kind, payload)
        values (%(store)s, gen_random_uuid(), 'product.created', 'product', %(id)s, 1, 'system', '{}')
        """,
        names,
    )


def test_an_older_catalogue_comes_along_with_its_prices_and_options(empty_database_url: str) -> None:
    _older(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            """
            insert into store (id, slug, name, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included,
                               order_prefix, is_default)
            values (%s, 'old', 'Old', 'EUR', 'en', 'UTC', 'VAT', 0, false, 'O-', true)
            """,
            [uuid7()],
        )
        _product(connection, "mug", (500, "{}"))
        _product(
            connection,
            "shirt",
            (900, '{"size": "S", "colour": "Red"}'),
            (800, '{"size": "M", "colour": "Red"}'),
            (700, '{"size": "M", "colour": "Red"}'),
            (600, "{}"),
            (600, "{}"),
        )
        migrations.migrate(empty_database_url)
        prices = connection.execute(
            """
            select variant.sku, variant.price, variant.own_price, product.price
            from product_variant as variant
            join product on product.id = variant.product_id
            order by variant.sku
            """
        ).fetchall()
        assert prices == [
            ("mug-0", 500, None, 500),
            ("shirt-0", 900, 900, None),
            ("shirt-1", 800, 800, None),
            ("shirt-2", 700, 700, None),
            ("shirt-3", 600, 600, None),
            ("shirt-4", 600, 600, None),
        ]
        options = connection.execute("select slug, options from product order by slug").fetchall()
        assert options == [
            ("mug", []),
            (
                "shirt",
                [
                    {"name": "colour", "values": ["Red"]},
                    {"name": "size", "values": ["S", "M"]},
                    {"name": "variant", "values": ["3"]},
                ],
            ),
        ]
    assert verify(empty_database_url)
