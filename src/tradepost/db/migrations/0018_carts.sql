create table cart (
  store_id uuid not null references store,
  id uuid not null,
  state text not null default 'OPEN' check (state in ('OPEN', 'ORDERED', 'MERGED', 'EXPIRED')),
  token_hash bytea check (length(token_hash) = 32),
  customer_id uuid,
  session_ref text,
  market_id uuid,
  email text,
  shipping_address jsonb,
  billing_address jsonb,
  shipping_method text,
  coupon_codes text[] not null default '{}' check (cardinality(coupon_codes) <= 10),
  notes text,
  hold_id uuid,
  held_until timestamptz,
  held_by text,
  order_id uuid,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint cart_has_an_owner check (token_hash is not null or customer_id is not null),
  constraint ordered_cart_names_its_order check ((state = 'ORDERED') = (order_id is not null)),
  constraint only_open_carts_hold_stock check (hold_id is null or state = 'OPEN'),
  constraint a_hold_ends check ((hold_id is null) = (held_until is null)),
  foreign key (store_id, customer_id) references account,
  foreign key (store_id, market_id) references market
) with (fillfactor = 70);
comment on table cart is 'A basket that is kept. It becomes at most one order, under the lock of its row.';
comment on column cart.token_hash is 'Of the 256-bit secret that opens a guest''s cart; his only, as ids are no secrets.';
comment on column cart.market_id is 'Where one was named when it was opened; else the country that it goes to says, or it is home.';
comment on column cart.session_ref is 'What the shop''s own site calls the session. It opens nothing.';
comment on column cart.hold_id is 'Under this id stock is promised to the cart, in stock_movement.order_id, for as long as held_until says.';
comment on column cart.held_by is 'Whose reservations count together: an account, or a guest''s address.';
create unique index cart_of_customer on cart (store_id, customer_id) where state = 'OPEN' and customer_id is not null;
comment on index cart_of_customer is 'A customer has one open cart, on whatever device.';
create unique index cart_of_order on cart (store_id, order_id) where order_id is not null;
create index cart_to_expire on cart (updated_at) where state = 'OPEN';
create index cart_held on cart (held_until) where held_until is not null;
create index cart_held_by on cart (store_id, held_by) where held_until is not null;
alter table cart add primary key (store_id, id);

create table cart_item (
  store_id uuid not null,
  cart_id uuid not null,
  id uuid not null,
  product_id uuid not null,
  variant_id uuid not null,
  quantity integer not null check (quantity between 1 and 9999),
  price bigint not null check (price >= 0),
  currency text not null,
  held integer not null default 0 check (held between 0 and quantity),
  primary key (store_id, cart_id, id),
  constraint cart_item_once unique (store_id, cart_id, variant_id),
  foreign key (store_id, cart_id) references cart,
  foreign key (store_id, variant_id) references product_variant
) with (fillfactor = 70);
comment on column cart_item.price is 'Minor units of the currency, as the shopper was shown it last. It decides no amount: it says whether to tell him.';
comment on column cart_item.held is 'Units that are promised to the cart under its hold_id.';
