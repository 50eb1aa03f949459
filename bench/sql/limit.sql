-- The database limit: all rows of one canonical order, written by one call. There is no HTTP and no Python, nothing is
-- checked but what constraints check, and the answer's text is ready made: a bound, not a shop.

-- Without this, PostgreSQL plans two of the statements anew at each call, which costs a third of the rate.
alter database bench_limit set plan_cache_mode = force_generic_plan;

-- Two ways to a number: the first has no gaps, and lets everybody wait for the commit of the one before.
insert into order_counter (store_id, value)
select id, 0
from store;

create sequence bench_number start 500000001;

create function bench_body() returns text immutable language sql as $$
  select '{"items":[' || string_agg(
      '{"id":"01900000-0000-7000-c000-00000000000' || n || '","productId":"01900000-0000-7000-9000-00000000000' || n
      || '","variantId":"01900000-0000-7000-a000-00000000000' || n || '","sku":"BENCH-' || n || '","name":"Bench Product '
      || n || ' / Blue / M","options":{"size":"M","color":"Blue"},"imageUrl":null,"quantity":' || n || ',"price":"1' || n
      || '.90","subtotal":"2' || n || '.80","discountAmount":"0.00","taxAmount":"4.' || n || '6","totalAmount":"5' || n
      || '.76"}', ',')
    || '],"orderNumber":"TP-000000001","customerId":null,"email":"buyer1234@example.com","status":"PENDING",'
    || '"paymentStatus":"PENDING","fulfillmentStatus":"UNFULFILLED","currency":"EUR","subtotal":"65.50","discountAmount":'
    || '"0.00","taxAmount":"13.10","taxIncluded":false,"shippingAmount":"0.00","totalAmount":"78.60","shippingAddress":'
    || '{"firstName":"Ada","lastName":"Lovelace","line1":"12 St James''s Square","city":"London","postalCode":"SW1Y 4JH",'
    || '"country":"GB"},"billingAddress":{"firstName":"Ada","lastName":"Lovelace","line1":"12 St James''s Square","city":'
    || '"London","postalCode":"SW1Y 4JH","country":"GB"},"notes":null,"version":1,"createdAt":"2026-11-21T08:30:00.123Z",'
    || '"updatedAt":"2026-11-21T08:30:00.123Z","id":"'
  from generate_series(1, 2) as n
$$;

-- `one` and `two` are numbers of products. Stock rows are locked in the order of their ids, the counter last, as
-- everybody behind it waits for this transaction's commit.
create function bench_place(one integer, two integer, buyer integer, gapless boolean) returns uuid language plpgsql as $$
declare
  bench_store constant uuid := '01900000-0000-7000-8000-000000000000';
  bench_location constant uuid := '01900000-0000-7000-b000-000000000000';
  body constant text := bench_body();
  variants uuid[] := array[
    ('01900000-0000-7000-a000-' || lpad(to_hex(least(one, two)), 12, '0'))::uuid,
    ('01900000-0000-7000-a000-' || lpad(to_hex(greatest(one, two)), 12, '0'))::uuid
  ];
  placed uuid := uuidv7();
  email text := 'buyer' || buyer || '@example.com';
  address constant jsonb := '{"firstName": "Ada", "lastName": "Lovelace", "line1": "12 St James''s Square", "city": "London", "postalCode": "SW1Y 4JH", "country": "GB"}';
  prices bigint[];
  number text;
  taxable bigint;
begin
  select array_agg(variant.price order by variant.id)
  into prices
  from product_variant as variant
  where variant.store_id = bench_store
    and variant.id = any(variants);
  taxable := prices[1] + 2 * prices[2];

  for at in 1..2 loop
    update stock_level
    set reserved = reserved + at
    where store_id = bench_store
      and variant_id = variants[at]
      and location_id = bench_location;
  end loop;

  insert into stock_movement (store_id, variant_id, location_id, id, kind, on_hand_change, reserved_change, order_id, actor_kind)
  values (bench_store, variants[1], bench_location, uuidv7(), 'reserve', 0, 1, placed, 'key'),
         (bench_store, variants[2], bench_location, uuidv7(), 'reserve', 0, 2, placed, 'key');

  insert into event (store_id, id, name, subject_type, subject_id, sequence, actor_kind, actor_id, payload)
  values (bench_store, uuidv7(), 'order.placed', 'order', placed, 1, 'key', bench_store,
          jsonb_build_object('orderNumber', 'TP-000000001', 'customerId', null, 'currency', 'EUR', 'total', taxable,
                             'items', jsonb_build_array(
                               jsonb_build_object('variantId', variants[1], 'quantity', 1),
                               jsonb_build_object('variantId', variants[2], 'quantity', 2))));

  insert into idempotency_answer (store_id, key_hash, fingerprint, status, headers, body)
  values (bench_store, sha256(uuid_send(gen_random_uuid())), uuid_send(gen_random_uuid()), 201,
          '[["cache-control", "no-store"], ["etag", "\"v1\""], ["location", "/api/v1/orders/01900000-0000-7000-c000-000000000001"]]',
          convert_to(body || placed || '"}', 'UTF8'));

  if gapless then
    update order_counter
    set value = value + 1
    where store_id = bench_store
    returning lpad(value::text, 9, '0') into number;
  else
    number := nextval('bench_number')::text;
  end if;

  insert into sales_order (store_id, id, order_number, status, payment_status, fulfillment_status, email, currency,
                           tax_included, subtotal, discount_amount, tax_amount, shipping_amount, total_amount,
                           shipping_address, billing_address, words, updated_at)
  values (bench_store, placed, 'TP-' || number, 'PENDING', 'PENDING', 'UNFULFILLED', email, 'EUR', false, taxable, 0,
          taxable / 5, 0, taxable + taxable / 5, address, address,
          array_to_tsvector(array['tp-' || number, 'tp', number, email, 'buyer' || buyer, 'example', 'com', 'ada',
                                  'lovelace', 'bench', 'product', 'blue', 'm', one::text, two::text, 'bench-' || one,
                                  'bench-' || two]),
          now());

  insert into order_line (store_id, order_id, id, position, product_id, variant_id, sku, name, options, quantity, price,
                          subtotal, discount_amount, tax_amount, total_amount)
  select bench_store, placed, uuidv7(), at - 1, variant.product_id, variant.id, variant.sku,
         'Bench Product 1 / ' || variant.name, variant.options, at, variant.price, variant.price * at, 0,
         variant.price * at / 5, variant.price * at
  from unnest(variants) with ordinality as wanted (id, at)
  join product_variant as variant on variant.store_id = bench_store and variant.id = wanted.id;

  insert into order_tax (store_id, order_id, position, name, rate_ppm, taxable_amount, amount)
  values (bench_store, placed, 0, 'VAT', 200000, taxable, taxable / 5);

  return placed;
end
$$;
