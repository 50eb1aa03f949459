-- A store of 2,000 products with one variant each and stock for every buyer. Ids follow from the number of the product,
-- so that load generators can name a variant without having read it.

insert into store (id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included,
                   order_prefix, is_default)
values ('01900000-0000-7000-8000-000000000000', 'bench', 'Bench', '{}', 'EUR', 'en', 'UTC', 'VAT', 200000, false,
        'TP-', true);

insert into market (store_id, id, slug, name)
select id, id, 'home', name
from store;

insert into stock_location (store_id, id, name, priority)
select id, '01900000-0000-7000-b000-000000000000', 'Main', 0
from store;

insert into product (store_id, id, slug, name, description, short_description, status, is_featured)
select store.id, ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'bench-product-' || n,
       'Bench Product ' || n, repeat('A thing that is well made and lasts. ', 10), 'Well made.', 'ACTIVE', n % 100 = 0
from store
cross join generate_series(1, 2000) as n;

insert into product_variant (store_id, id, product_id, position, sku, name, options, price, own_price,
                             track_inventory, low_stock_threshold, weight)
select store.id, ('01900000-0000-7000-a000-' || lpad(to_hex(n), 12, '0'))::uuid,
       ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 0, 'BENCH-' || n, 'Blue / M',
       '{"color": "Blue", "size": "M"}', 990 + n * 10, 990 + n * 10, true, 5, 300
from store
cross join generate_series(1, 2000) as n;

insert into stock_level (store_id, variant_id, location_id, on_hand, reserved)
select variant.store_id, variant.id, location.id, 1000000000, 0
from product_variant as variant
join stock_location as location using (store_id);

insert into stock_movement (store_id, variant_id, location_id, id, kind, on_hand_change, reserved_change, actor_kind)
select store_id, variant_id, location_id, gen_random_uuid(), 'opening', on_hand, 0, 'system'
from stock_level;

insert into event (store_id, id, name, subject_type, subject_id, sequence, actor_kind, payload)
select store_id, gen_random_uuid(), 'product.created', 'product', product_id, 1, 'system',
       jsonb_build_object('slug', slug, 'variantIds', jsonb_build_array(product_variant.id))
from product_variant
join product using (store_id)
where product.id = product_id;
