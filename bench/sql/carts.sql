-- Carts of guests, who have said where to send it: two different products each, quantities 1 and 2, at today's prices.

with one as (
  select gen_random_uuid() as id, n, 1 + n %% 2000 as first, 1 + (n + 1 + n / 2000) %% 2000 as second
  from generate_series(1, %(count)s) as n
), new as (
  insert into cart (store_id, id, token_hash, email, shipping_address)
  select store.id, one.id, sha256(one.id::text::bytea), 'buyer' || n %% 10000 || '@example.com',
         '{"firstName": "Ada", "lastName": "Lovelace", "line1": "12 St James''s Square", "city": "London",
           "postalCode": "SW1Y 4JH", "country": "GB"}'
  from one
  cross join store
  returning store_id, id
), filled as (
  insert into cart_item (store_id, cart_id, id, product_id, variant_id, quantity, price, currency)
  select new.store_id, one.id, gen_random_uuid(), variant.product_id, variant.id, wanted.quantity, variant.price, 'EUR'
  from one
  join new using (id)
  cross join lateral (values (first, 1), (second, 2)) as wanted (number, quantity)
  join product_variant as variant
    on variant.store_id = new.store_id
    and variant.id = ('01900000-0000-7000-a000-' || lpad(to_hex(wanted.number), 12, '0'))::uuid
)
select id
from new
