-- The whole schema, for reading: what the migrations add up to (a test compares the two). Change both.

create table schema_migration (
  name text primary key,
  checksum text not null,
  applied_at timestamptz not null default now()
);

create table secret (
  name text primary key,
  value bytea not null
);
comment on table secret is 'Keys of this installation, made at its first migration; shared by all its processes.';

create table store (
  id uuid primary key,
  slug text not null unique,
  name text not null,
  hosts text[] not null default '{}',
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  locale text not null,
  time_zone text not null,
  tax_name text not null,
  tax_rate_ppm integer not null check (tax_rate_ppm between 0 and 1000000),
  tax_included boolean not null,
  order_prefix text not null,
  is_default boolean not null default false,
  created_at timestamptz not null default now(),
  terms bigint not null default 0
);
comment on column store.tax_rate_ppm is 'Millionths: 80000 is 8 %.';
comment on column store.terms is 'Counts up whenever markets, rates, taxes or ways of sending change: who knows the terms of a number need not read them again.';
create unique index store_one_default on store (is_default) where is_default;

create table market (
  store_id uuid not null references store,
  id uuid not null,
  slug text not null,
  name text not null,
  currency text check (currency ~ '^[A-Z]{3}$'),
  locale text,
  tax_included boolean,
  margin_ppm integer not null default 0 check (margin_ppm between -900000 and 10000000),
  rounding text not null default 'NONE' check (rounding in ('NONE', 'WHOLE', 'STEP', 'ENDING')),
  round_to bigint check (round_to > 0 and round_to < 1000000000000000),
  is_active boolean not null default true,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint market_slug_once unique (store_id, slug),
  constraint market_home_is_the_store check (
    (currency is null) = (id = store_id) and (locale is null) = (id = store_id) and (tax_included is null) = (id = store_id)
  ),
  constraint market_home_is_open check (is_active or id <> store_id),
  constraint market_rounds_to_something check ((round_to is not null) = (rounding in ('STEP', 'ENDING')))
);
comment on column market.id is 'The home market of a store has the store''s id; its currency, locale and tax_included are null here, as they are the store''s.';
comment on column market.margin_ppm is 'What is added to a converted price: 20000 is 2 %.';
comment on column market.round_to is 'In minor units of the market: the step of STEP, the end of ENDING.';
alter table market add primary key (store_id, id);

create table market_country (
  store_id uuid not null,
  country text not null check (country ~ '^[A-Z]{2}$'),
  market_id uuid not null,
  primary key (store_id, country),
  foreign key (store_id, market_id) references market
);
comment on table market_country is 'Each country is in one market of a store; those that are in none are the home market''s.';
create index market_country_of_market on market_country (store_id, market_id);

create table event (
  store_id uuid not null,
  xid xid8 not null default pg_current_xact_id(),
  id uuid not null,
  name text not null,
  subject_type text not null,
  subject_id uuid not null,
  sequence bigint not null check (sequence > 0),
  actor_kind text not null,
  actor_id uuid,
  payload jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (store_id, xid, id),
  constraint event_in_order unique (store_id, subject_id, sequence)
);
comment on table event is 'Audit trail, outbox and feed in one. Only ever appended to. No foreign key to store: the row is written with its subject, which has one.';
comment on column event.xid is 'The writing transaction: a reader that stays below the oldest running one misses nothing that commits late.';

create table idempotency_answer (
  store_id uuid not null,
  key_hash bytea not null check (length(key_hash) = 32),
  fingerprint bytea not null,
  status smallint not null,
  headers jsonb not null,
  body bytea not null,
  created_at timestamptz not null default now(),
  primary key (store_id, key_hash)
);
comment on table idempotency_answer is 'The answer to a keyed request, written in the transaction of its effect. key_hash covers caller, route and key.';
create index idempotency_answer_age on idempotency_answer using brin (created_at);

create table staff_role (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  permissions text[] not null,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  refund_limit bigint check (refund_limit >= 0),
  constraint staff_role_name_once unique (store_id, name)
);
comment on column staff_role.refund_limit is 'What each person of the role may give back of one order, in minor units of the store''s currency. Null is without limit.';
alter table staff_role add primary key (store_id, id);

create table account (
  store_id uuid not null references store,
  id uuid not null,
  email text not null,
  email_normal text not null,
  first_name text not null,
  last_name text not null,
  phone text,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  role text not null default 'CLIENT' check (role in ('CLIENT', 'STAFF', 'ADMIN')),
  staff_role_id uuid,
  date_of_birth date,
  is_active boolean not null default true,
  is_pending boolean not null default false,
  email_verified_at timestamptz,
  password_hash text,
  words tsvector not null default '',
  primary key (store_id, id),
  foreign key (store_id, staff_role_id) references staff_role,
  constraint staff_have_a_role check ((role = 'STAFF') = (staff_role_id is not null)),
  constraint pending_is_not_proven check (not (is_pending and email_verified_at is not null))
);
comment on column account.is_pending is 'Registered by somebody who has not shown that the e-mail address is his. There may be several for one address, each with a password of its own; none of them is found by it but in signing in.';
create unique index account_email_once on account (store_id, email_normal) where not is_pending;
create index account_words on account using gin (words);
create index account_pending on account (store_id, email_normal, id) where is_pending;

create table session (
  store_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  user_agent text not null,
  address text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_because text check (ended_because in ('logout', 'ended', 'password', 'reuse', 'role', 'deactivated')),
  primary key (store_id, id),
  foreign key (store_id, account_id) references account,
  check ((ended_at is null) = (ended_because is null))
);
comment on table session is 'A sign-in on one device. An access token is worth nothing once its session has ended.';
create index session_of_account on session (store_id, account_id, id);

create table refresh_token (
  store_id uuid not null,
  token_hash bytea not null check (length(token_hash) = 32),
  session_id uuid not null,
  used_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (store_id, token_hash),
  foreign key (store_id, session_id) references session
);
comment on table refresh_token is 'All of a session, so that one that comes a second time is known for what it is. Used once each.';
create index refresh_token_of_session on refresh_token (store_id, session_id);

create table proof (
  store_id uuid not null,
  token_hash bytea not null check (length(token_hash) = 32),
  account_id uuid not null,
  purpose text not null check (purpose in ('verify', 'reset', 'change')),
  email text not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (store_id, token_hash),
  foreign key (store_id, account_id) references account
);
comment on table proof is 'Secrets sent by mail. Whoever has one reads the mail of that address: good once, for one purpose, while the account''s address is the one it was made for.';
create index proof_of_email on proof (store_id, email, created_at);
create index proof_of_account on proof (store_id, account_id);

create table sign_in_attempt (
  store_id uuid not null,
  subject bytea not null check (length(subject) = 32),
  started_at timestamptz not null,
  attempts integer not null check (attempts >= 0),
  primary key (store_id, subject)
);
comment on table sign_in_attempt is 'Attempts since started_at for an account or an address, as a hash, but for those that succeeded. Counted here, so that it holds for all processes.';

create table signing_key (
  id text primary key,
  secret bytea not null check (length(secret) >= 32),
  created_at timestamptz not null default now(),
  retired_at timestamptz
);
comment on table signing_key is 'Keys of access tokens. The newest signs; a retired one is believed until the last token signed with it has run out.';

create table address (
  store_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  type text not null check (type in ('SHIPPING', 'BILLING')),
  is_default boolean not null,
  first_name text not null,
  last_name text not null,
  company text,
  line1 text not null,
  line2 text,
  city text not null,
  state text,
  postal_code text,
  country text not null,
  phone text,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (store_id, id),
  foreign key (store_id, account_id) references account
);
create index address_of_account on address (store_id, account_id, id);
create unique index address_one_default on address (store_id, account_id, type) where is_default;

create table api_key (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  hint text not null,
  key_hash bytea not null unique check (length(key_hash) = 32),
  scopes text[] not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  created_by uuid,
  market_id uuid,
  primary key (store_id, id),
  foreign key (store_id, created_by) references account,
  foreign key (store_id, market_id) references market
);
comment on column api_key.market_id is 'The market that its calls are made in, where they name no other.';
comment on column api_key.key_hash is 'SHA-256 of the key, which is 256 random bits and is shown once.';
comment on column api_key.created_by is 'The person who made it: it works for as long as he may do what it may. Null for keys of the command line.';
comment on column api_key.hint is 'The first characters of the key, so that a person can tell keys apart.';

create table product (
  store_id uuid not null references store,
  id uuid not null,
  slug text not null,
  name text not null,
  description text not null,
  short_description text not null,
  status text not null check (status in ('DRAFT', 'ACTIVE', 'ARCHIVED')),
  is_featured boolean not null,
  seo_title text,
  seo_description text,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  price bigint check (price >= 0 and price < 1000000000000000),
  options jsonb not null default '[]',
  tax_class text not null default 'standard',
  constraint product_slug_once unique (store_id, slug)
);
comment on column product.price is 'What variants without a price of their own cost, in minor units; null where there is none yet.';
comment on column product.options is 'Names and values that tell variants apart, both in the order in which they are shown: [{"name": "size", "values": ["S", "M"]}].';
comment on column product.tax_class is 'Which of a country''s rates it is taxed with: see tax_rate.';
create index product_by_status on product (store_id, status, id);
create index product_by_name on product (store_id, name, id);
create index product_featured on product (store_id, id) where is_featured;
-- After its other indexes: of those that look alike to the planner in an empty table, it takes the newest, and keeps it
-- for the session. A foreign key checked by another index reads the store's rows from end to end (tests/test_plans.py).
alter table product add primary key (store_id, id);

create table category (
  store_id uuid not null references store,
  id uuid not null,
  parent_id uuid,
  path uuid[] not null,
  slug text not null,
  name text not null,
  description text not null,
  image_url text,
  image_alt text,
  sort_order integer not null,
  is_active boolean not null,
  is_shown boolean not null,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint category_slug_once unique (store_id, slug),
  constraint category_path_ends_here check (
    path[cardinality(path)] = id and path[cardinality(path) - 1] is not distinct from parent_id
  ),
  constraint category_shown_is_active check (is_active or not is_shown),
  constraint category_image_has_text check ((image_url is null) = (image_alt is null))
);
comment on column category.path is 'Ids from the root down to the category itself. Written with the tree locked, so that it is right whenever somebody looks.';
comment on column category.is_shown is 'It and all above it are active. Written as path is.';
create index category_of_parent on category (store_id, parent_id);
create index category_within on category using gin (path);
comment on index category_within is 'What is inside a category, at any depth: path @> array[id].';
-- After its other indexes, as that of product is.
alter table category add primary key (store_id, id);
alter table category add foreign key (store_id, parent_id) references category;

create table product_category (
  store_id uuid not null,
  product_id uuid not null,
  category_id uuid not null,
  is_main boolean not null,
  primary key (store_id, product_id, category_id),
  foreign key (store_id, product_id) references product,
  foreign key (store_id, category_id) references category
);
comment on table product_category is 'The categories that a product is in, each once, at most one of them the main one.';
create index product_category_of_category on product_category (store_id, category_id, product_id);
create unique index product_category_one_main on product_category (store_id, product_id) where is_main;

create table product_image (
  store_id uuid not null,
  product_id uuid not null,
  id uuid not null,
  position integer not null check (position >= 0),
  url text not null,
  alt text not null,
  foreign key (store_id, product_id) references product,
  constraint image_place_once unique (store_id, product_id, position) deferrable
);
alter table product_image add primary key (store_id, product_id, id);

create table product_variant (
  store_id uuid not null,
  id uuid not null,
  product_id uuid not null,
  position integer not null check (position >= 0),
  sku text not null,
  name text not null,
  options jsonb not null,
  price bigint check (price >= 0 and price < 1000000000000000),
  compare_price bigint check (compare_price >= 0 and compare_price < 1000000000000000),
  cost_price bigint check (cost_price >= 0 and cost_price < 1000000000000000),
  track_inventory boolean not null,
  low_stock_threshold integer not null check (low_stock_threshold >= 0),
  weight integer check (weight >= 0),
  dimensions jsonb,
  is_active boolean not null default true,
  own_price bigint check (own_price >= 0 and own_price < 1000000000000000),
  barcode text,
  image_id uuid,
  foreign key (store_id, product_id) references product,
  foreign key (store_id, product_id, image_id) references product_image,
  constraint variant_own_price_counts check (own_price is null or price is not distinct from own_price),
  constraint variant_sku_once unique (store_id, sku),
  constraint variant_place_once unique (store_id, product_id, position) deferrable
);
comment on column product_variant.price is 'What it costs, in minor units of the store''s currency, as are compare_price and cost_price: own_price, or else the price of the product. Kept here so that an order reads one row. Null where there is none yet.';
comment on column product_variant.weight is 'Grams. Dimensions are in millimetres.';
create unique index variant_barcode_once on product_variant (store_id, barcode) where barcode is not null;
create unique index variant_options_once on product_variant (store_id, product_id, md5(options::text))
  where options <> '{}';
create index product_variant_by_price on product_variant (store_id, (coalesce(price, 1000000000000000)), product_id)
  where is_active;
alter table product_variant add primary key (store_id, id);

create table variant_price (
  store_id uuid not null,
  product_id uuid not null,
  variant_id uuid not null,
  market_id uuid not null,
  price bigint check (price >= 0 and price < 1000000000000000),
  compare_price bigint check (compare_price >= 0 and compare_price < 1000000000000000),
  sale_price bigint check (sale_price >= 0 and sale_price < 1000000000000000),
  sale_from timestamptz,
  sale_to timestamptz,
  primary key (store_id, product_id, variant_id, market_id),
  foreign key (store_id, product_id) references product,
  foreign key (store_id, variant_id) references product_variant,
  foreign key (store_id, market_id) references market,
  constraint price_says_something check (price is not null or sale_price is not null),
  constraint price_of_home_is_the_variants check (price is null or market_id <> store_id),
  constraint price_is_compared check (price is not null or compare_price is null),
  constraint sale_is_lower check (sale_price < price),
  constraint sale_has_a_price check (sale_price is not null or (sale_from is null and sale_to is null)),
  constraint sale_ends_after_it_begins check (sale_from < sale_to)
);
comment on table variant_price is 'What a variant costs in a market, in minor units of its currency, where that is not converted; and its sales, the home market''s too.';
comment on column variant_price.sale_to is 'The first moment that is not part of the sale any more.';

create table exchange_rate (
  quote text not null check (quote ~ '^[A-Z]{3}$'),
  as_of date not null,
  source text not null,
  base text not null check (base ~ '^[A-Z]{3}$'),
  rate numeric not null check (rate > 0),
  created_at timestamptz not null default now(),
  primary key (quote, as_of, source)
);
comment on table exchange_rate is 'What providers have published, for all stores: so much of quote for one base. A base is its own quote, at 1.';

create table store_exchange_rate (
  store_id uuid not null references store,
  quote text not null check (quote ~ '^[A-Z]{3}$'),
  id uuid not null,
  rate numeric not null check (rate > 0),
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (store_id, quote)
);
comment on table store_exchange_rate is 'Rates that a store has set for itself, from its own currency: they go before what providers publish.';

create table product_text (
  store_id uuid not null,
  product_id uuid not null,
  locale text not null,
  name text,
  description text,
  short_description text,
  seo_title text,
  seo_description text,
  primary key (store_id, product_id, locale),
  foreign key (store_id, product_id) references product
);
comment on table product_text is 'A product''s words in another language than the store''s; what is null is as in the language that is next.';

create table category_text (
  store_id uuid not null,
  category_id uuid not null,
  locale text not null,
  name text,
  description text,
  primary key (store_id, category_id, locale),
  foreign key (store_id, category_id) references category
);

create table stock_location (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  priority integer not null,
  primary key (store_id, id),
  constraint location_name_once unique (store_id, name)
);
comment on column stock_location.priority is 'Stock is promised from the lowest number first.';

create table stock_level (
  store_id uuid not null,
  variant_id uuid not null,
  location_id uuid not null,
  on_hand integer not null check (on_hand >= 0),
  reserved integer not null check (reserved >= 0),
  primary key (store_id, variant_id, location_id),
  foreign key (store_id, variant_id) references product_variant,
  foreign key (store_id, location_id) references stock_location,
  constraint never_oversold check (reserved <= on_hand)
) with (fillfactor = 50);
comment on constraint never_oversold on stock_level is 'What is promised is there: the last word on overselling.';

create table stock_movement (
  store_id uuid not null,
  variant_id uuid not null,
  location_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('opening', 'adjustment', 'reserve', 'release', 'ship', 'return')),
  on_hand_change integer not null,
  reserved_change integer not null,
  reason text,
  order_id uuid,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  primary key (store_id, variant_id, location_id, id),
  foreign key (store_id, variant_id, location_id) references stock_level,
  check (on_hand_change <> 0 or reserved_change <> 0)
);
create index stock_movement_of_order on stock_movement (store_id, order_id) where order_id is not null;
comment on table stock_movement is 'Append-only: the levels are the sums of these rows.';

create table order_counter (
  store_id uuid primary key references store,
  value bigint not null check (value >= 0)
) with (fillfactor = 10);
comment on table order_counter is 'The last order number given. Counted in the order''s own transaction, so that numbers have no gaps.';

create table sales_order (
  store_id uuid not null references store,
  id uuid not null,
  order_number text not null,
  status text not null
    check (status in ('PENDING', 'CONFIRMED', 'PROCESSING', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUNDED')),
  payment_status text not null
    check (payment_status in ('PENDING', 'AUTHORIZED', 'PAID', 'FAILED', 'REFUNDED', 'PARTIALLY_REFUNDED')),
  fulfillment_status text not null check (fulfillment_status in ('UNFULFILLED', 'PARTIAL', 'FULFILLED')),
  customer_id uuid,
  email text not null,
  currency text not null,
  tax_included boolean not null,
  subtotal bigint not null check (subtotal >= 0),
  discount_amount bigint not null check (discount_amount >= 0),
  tax_amount bigint not null check (tax_amount >= 0),
  shipping_amount bigint not null check (shipping_amount >= 0),
  total_amount bigint not null check (total_amount >= 0 and total_amount < 1000000000000000),
  shipping_address jsonb,
  billing_address jsonb,
  notes text,
  token_hash bytea,
  words tsvector not null,
  version integer not null default 1 check (version > 0),
  updated_at timestamptz not null,
  held_because text,
  cancelled_because text,
  cancelled_at timestamptz,
  deleted_at timestamptz,
  tracking_company text,
  tracking_number text,
  revision integer not null default 1,
  basis jsonb,
  constraint order_number_once unique (store_id, order_number),
  foreign key (store_id, customer_id) references account,
  constraint cancelled_says_why check ((cancelled_because is null) = (cancelled_at is null)),
  constraint deleted_is_cancelled check (deleted_at is null or status in ('CANCELLED', 'REFUNDED')),
  constraint total_adds_up check (
    total_amount = subtotal - discount_amount + shipping_amount + case when tax_included then 0 else tax_amount end
  )
);
comment on column sales_order.id is 'UUIDv7 of the database''s clock at placement: the order of ids is the order of placement, and carries the time.';
comment on column sales_order.basis is 'What its amounts were reckoned on: market, exchange rate, discounts, delivery, why it is not taxed. Null for a plain order at home.';
comment on column sales_order.deleted_at is 'Out of every list, kept for the books.';
comment on column sales_order.words is 'Search words, made by the program: no parser, no language.';
create index sales_order_by_customer on sales_order (store_id, customer_id, id) where customer_id is not null;
create index sales_order_by_status on sales_order (store_id, status, id);
create index sales_order_by_total on sales_order (store_id, total_amount, id);
create index sales_order_words on sales_order using gin (words) with (gin_pending_list_limit = 256);
comment on index sales_order_words is 'A short list of pending words: merging the default 4 MB holds up a batch for a quarter of a second.';

alter table sales_order add primary key (store_id, id);

create table order_line (
  store_id uuid not null,
  order_id uuid not null,
  id uuid not null,
  position integer not null,
  product_id uuid not null,
  variant_id uuid not null,
  sku text not null,
  name text not null,
  options jsonb not null,
  quantity integer not null check (quantity >= 0),
  price bigint not null check (price >= 0),
  subtotal bigint not null,
  discount_amount bigint not null check (discount_amount >= 0),
  tax_amount bigint not null check (tax_amount >= 0),
  total_amount bigint not null,
  image_url text,
  taxes jsonb,
  primary key (store_id, order_id, id),
  foreign key (store_id, order_id) references sales_order,
  check (subtotal = price * quantity)
);
comment on column order_line.taxes is 'The taxes on it, as names and millionths; null where they are those of the whole order.';
comment on column order_line.quantity is 'None where an edit has taken the item out.';
comment on table order_line is 'What was bought, as it was then: no reference to the catalogue decides anything here. Variants are never deleted.';

create table order_tax (
  store_id uuid not null,
  order_id uuid not null,
  position integer not null,
  name text not null,
  rate_ppm integer not null,
  taxable_amount bigint not null,
  amount bigint not null check (amount >= 0),
  primary key (store_id, order_id, position),
  foreign key (store_id, order_id) references sales_order
);

create table order_note (
  store_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  text text not null,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  primary key (store_id, id),
  foreign key (store_id, order_id) references sales_order
);
comment on table order_note is 'What staff tell each other about an order.';
create index order_note_of_order on order_note (store_id, order_id, id);

create table shipment (
  store_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  location_id uuid not null,
  status text not null check (status in ('PACKED', 'SHIPPED', 'DELIVERED', 'LOST', 'RETURNED', 'CANCELLED')),
  carrier text,
  service text,
  tracking_number text,
  tracking_url text,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  shipped_at timestamptz,
  delivered_at timestamptz,
  track_due_at timestamptz,
  foreign key (store_id, order_id) references sales_order,
  foreign key (store_id, location_id) references stock_location
);
comment on table shipment is 'A parcel of an order, from one location. Its units leave the stock when it is SHIPPED.';
create index shipment_of_order on shipment (store_id, order_id, id);
comment on column shipment.track_due_at is 'When its carrier is asked again where it is; null where there is nothing to ask.';
create index shipment_by_tracking on shipment (store_id, tracking_number) where tracking_number is not null;
create index shipment_to_track on shipment (lower(carrier), track_due_at) where track_due_at is not null;
-- After its other indexes, as that of orders is.
alter table shipment add primary key (store_id, id);

create table shipment_line (
  store_id uuid not null,
  shipment_id uuid not null,
  order_id uuid not null,
  line_id uuid not null,
  variant_id uuid not null,
  quantity integer not null check (quantity > 0),
  primary key (store_id, shipment_id, line_id),
  foreign key (store_id, shipment_id) references shipment,
  foreign key (store_id, order_id, line_id) references order_line
);
create index shipment_line_of_order on shipment_line (store_id, order_id);

create table shipment_label (
  store_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  shipment_id uuid not null,
  carrier text not null,
  service text not null,
  state text not null check (state in ('BUYING', 'BOUGHT', 'REFUSED', 'UNCERTAIN', 'GIVEN_UP', 'VOIDING', 'VOIDED')),
  consignment jsonb not null,
  reference text,
  tracking_number text,
  tracking_url text,
  amount bigint check (amount >= 0 and amount < 1000000000000000),
  currency text,
  document bytea,
  media_type text,
  attempts integer not null default 0,
  next_try_at timestamptz not null,
  last_error text,
  request_key bytea,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (store_id, id),
  foreign key (store_id, shipment_id) references shipment,
  constraint bought_is_known check (state not in ('BOUGHT', 'VOIDING', 'VOIDED') or reference is not null)
);
comment on table shipment_label is 'A label asked of a carrier for a parcel: written down before the call, settled after it.';
comment on column shipment_label.amount is 'Minor units of its currency: what the carrier charges the shop.';
create unique index one_label_a_shipment on shipment_label (store_id, shipment_id)
  where state in ('BUYING', 'BOUGHT', 'UNCERTAIN', 'VOIDING');
create index shipment_label_of_shipment on shipment_label (store_id, shipment_id, id);
create unique index shipment_label_of_request on shipment_label (store_id, request_key) where request_key is not null;
create index shipment_label_due on shipment_label (next_try_at) where state in ('BUYING', 'VOIDING');

create table shipment_tracking (
  store_id uuid not null,
  shipment_id uuid not null,
  reference text not null,
  status text not null,
  happened_at timestamptz not null,
  place text not null,
  text text not null,
  created_at timestamptz not null default now(),
  primary key (store_id, shipment_id, reference),
  foreign key (store_id, shipment_id) references shipment
);
comment on table shipment_tracking is 'What carriers said of parcels, each of it once.';

create table payment (
  store_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  provider text not null,
  method text not null,
  amount bigint not null check (amount > 0 and amount < 1000000000000000),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  capture text not null check (capture in ('automatic', 'manual')),
  status text not null
    check (status in ('STARTING', 'PENDING', 'NEEDS_ACTION', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED')),
  provider_ref text,
  next_action jsonb,
  decline_code text,
  decline_message text,
  version integer not null default 1 check (version > 0),
  looked_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (store_id, order_id) references sales_order,
  constraint payment_ref_once unique (provider, provider_ref)
);
comment on table payment is 'One attempt to take money for an order. Amounts are in minor units of the currency.';
comment on column payment.method is 'What the client named, such as pm_card_visa: a name at the provider, never a card number.';
comment on column payment.looked_at is 'When the provider was last asked about one that waits.';
comment on constraint payment_ref_once on payment is 'Providers tell of their objects without naming a store: whoever it belongs to, it is one payment.';
create index payment_of_order on payment (store_id, order_id, id);
create unique index payment_one_live on payment (store_id, order_id)
  where status in ('STARTING', 'PENDING', 'NEEDS_ACTION', 'AUTHORIZED');
comment on index payment_one_live is 'However many ask at once, an order has one payment that may still take money.';
create index payment_waiting on payment (looked_at) where status in ('PENDING', 'NEEDS_ACTION');
-- After its other indexes, as for product.
alter table payment add primary key (store_id, id);

create table payment_operation (
  store_id uuid not null,
  id uuid not null,
  payment_id uuid not null,
  kind text not null check (kind in ('authorize', 'capture', 'refund', 'void')),
  amount bigint not null check (amount > 0),
  state text not null default 'started' check (state in ('started', 'done', 'failed')),
  attempts integer not null default 0 check (attempts >= 0),
  next_try_at timestamptz not null,
  last_error text,
  request_key bytea,
  reason text,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  given_by uuid,
  foreign key (store_id, payment_id) references payment
);
comment on column payment_operation.given_by is 'Of a refund: the person whose own decision it is, and whose limit it counts against. Null where it follows from something else, such as a cancellation.';
comment on table payment_operation is 'What is asked of a provider: written before the call, settled after it. The provider''s idempotency key is made of the id and never changes.';
comment on column payment_operation.next_try_at is 'When the sweep may carry it out (again); until then whoever began it is at work.';
comment on column payment_operation.request_key is 'The idempotency key, hashed, of the request that asked for it: the same request again goes on with it.';
create index payment_operation_of_request on payment_operation (store_id, request_key) where request_key is not null;
create index payment_operation_of_payment on payment_operation (store_id, payment_id, id);
create index payment_operation_due on payment_operation (next_try_at) where state = 'started';
create unique index payment_operation_one_started on payment_operation (store_id, payment_id, kind)
  where state = 'started' and kind <> 'refund';
-- After its other indexes, as for product.
alter table payment_operation add primary key (store_id, id);

create table payment_entry (
  store_id uuid not null,
  payment_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('authorize', 'capture', 'refund', 'refund_undone', 'void')),
  amount bigint not null check (amount > 0),
  provider text not null,
  reference text not null,
  operation_id uuid,
  reason text,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  primary key (store_id, payment_id, id),
  foreign key (store_id, payment_id) references payment,
  foreign key (store_id, operation_id) references payment_operation,
  constraint payment_effect_once unique (store_id, provider, kind, reference)
);
comment on table payment_entry is 'Append-only: what happened to money. Without an operation it happened at the provider''s side.';
comment on constraint payment_effect_once on payment_entry is 'An effect is recorded once, whoever reports it: the call, a webhook or the sweep.';
create index payment_entry_of_operation on payment_entry (store_id, operation_id) where operation_id is not null;

create table provider_event (
  provider text not null,
  event_id text not null,
  type text not null,
  payment_ref text,
  livemode boolean not null,
  api_version text,
  body bytea not null,
  received_at timestamptz not null default now(),
  worked_at timestamptz,
  attempts integer not null default 0 check (attempts >= 0),
  next_try_at timestamptz not null default now(),
  outcome text,
  primary key (provider, event_id),
  check ((worked_at is null) = (outcome is null))
);
comment on table provider_event is 'What providers told us, as they said it. It is a hint to look: the truth is fetched from the provider.';
create index provider_event_unworked on provider_event (next_try_at) where worked_at is null;
create index provider_event_worked on provider_event (worked_at) where worked_at is not null;

create table fake_payment_object (
  key text primary key,
  ref text not null unique,
  kind text not null check (kind in ('intent', 'capture', 'refund')),
  intent_ref text references fake_payment_object (ref),
  amount bigint not null check (amount > 0),
  currency text not null,
  method text not null,
  is_manual boolean not null,
  status text not null,
  payment_id uuid not null,
  order_id uuid not null,
  operation_id uuid not null,
  created_at timestamptz not null default now()
);
comment on table fake_payment_object is 'What the fake provider of demos and tests remembers, by idempotency key: the books of another house, which no code but the fake''s reads.';
create index fake_payment_object_of_intent on fake_payment_object (intent_ref);
create index fake_payment_object_by_time on fake_payment_object (created_at) where kind = 'intent';

create table order_return (
  store_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  status text not null check (status in ('REQUESTED', 'APPROVED', 'REJECTED', 'RECEIVED', 'REFUNDED')),
  note text,
  refund_amount bigint check (refund_amount >= 0),
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (store_id, order_id) references sales_order
);
comment on column order_return.refund_amount is 'Minor units of the order''s currency: what was asked to be given back for it.';
create index order_return_of_order on order_return (store_id, order_id, id);
-- After its other index, as that of orders is.
alter table order_return add primary key (store_id, id);

create table order_return_line (
  store_id uuid not null,
  return_id uuid not null,
  order_id uuid not null,
  line_id uuid not null,
  variant_id uuid not null,
  quantity integer not null check (quantity > 0),
  reason text not null check (reason in ('UNWANTED', 'DAMAGED', 'WRONG_ITEM', 'NOT_AS_DESCRIBED', 'OTHER')),
  restocked integer check (restocked between 0 and quantity),
  primary key (store_id, return_id, line_id),
  foreign key (store_id, return_id) references order_return,
  foreign key (store_id, order_id, line_id) references order_line
);
comment on column order_return_line.restocked is 'How many of them can be sold again; the others are written off. Null until they have come.';
create index order_return_line_of_order on order_return_line (store_id, order_id);

create table order_revision (
  store_id uuid not null,
  order_id uuid not null,
  revision integer not null check (revision > 0),
  reason text,
  agreed jsonb not null,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  primary key (store_id, order_id, revision),
  foreign key (store_id, order_id) references sales_order
);
comment on table order_revision is 'One row for each edit: its number, who made it and why, and in `agreed` items and amounts as they were before it.';

create table search_position (
  store_id uuid primary key references store,
  position text,
  revision bigint not null default 0
);
comment on table search_position is 'How far the default search engine has followed the event feed. Locked while something is written, so that one writes at a time.';
comment on column search_position.revision is 'Counts up with each write: see search_word.';

create table search_document (
  store_id uuid not null,
  product_id uuid not null,
  slug text not null,
  name text not null,
  words tsvector not null,
  stems jsonb not null,
  lexicon text[] not null,
  primary key (store_id, product_id)
);
comment on table search_document is 'The text of products on sale, as the default search engine finds them: derived, written by it alone, made anew by tradepost search rebuild.';
comment on column search_document.stems is 'The words of the name that have a stem, with it: for highlighting.';
comment on column search_document.lexicon is 'Its words in search_word.';
create index search_document_words on search_document using gin (words) with (gin_pending_list_limit = 256);
comment on index search_document_words is 'A short list of pending words, as each search reads all of it.';

create table search_standing (
  store_id uuid not null,
  product_id uuid not null,
  name text not null,
  price bigint not null check (price >= 0),
  is_featured boolean not null,
  in_stock boolean not null,
  shelf_id integer not null,
  choice_id integer not null,
  primary key (store_id, product_id)
) with (fillfactor = 70);
comment on table search_standing is 'What products are filtered, counted and sorted by, in narrow rows: all of them are read for one answer. Apart from the words, so that stock that runs out rewrites no index.';
comment on column search_standing.price is 'Minor units, of the cheapest active variant.';

create table search_shelf (
  store_id uuid not null,
  id integer generated always as identity,
  key text not null,
  category_ids uuid[] not null,
  primary key (store_id, id),
  constraint search_shelf_once unique (store_id, key)
);
comment on table search_shelf is 'Sets of categories that products are in or inside, each once: products are counted by set, and then sets by category. Only ever added to.';
comment on column search_shelf.key is 'A hash of what is in the set.';

create table search_choice (
  store_id uuid not null,
  id integer generated always as identity,
  key text not null,
  combinations jsonb not null,
  names text[] not null,
  values text[] not null,
  primary key (store_id, id),
  constraint search_choice_once unique (store_id, key)
);
comment on column search_choice.names is 'With values: what there is in the combinations, each name and value once.';
comment on table search_choice is 'Sets of combinations of options that products come in, each once, as search_shelf.';

create table search_sold (
  store_id uuid not null,
  product_id uuid not null,
  units bigint not null,
  primary key (store_id, product_id)
) with (fillfactor = 50);
comment on table search_sold is 'Units in orders that were placed and not cancelled, as the feed tells.';

create table search_word (
  store_id uuid not null,
  word text not null,
  products integer not null check (products >= 0),
  revision bigint not null,
  primary key (store_id, word)
);
comment on table search_word is 'The dictionary that typing errors are corrected from: words of products on sale, and in how many they are.';
comment on column search_word.revision is 'The write in which it came or went last: a process that knows the dictionary reads what is newer.';
create index search_word_news on search_word (store_id, revision);

create table search_category (
  store_id uuid not null,
  category_id uuid not null,
  parent_id uuid,
  slug text not null,
  name text not null,
  sort_order integer not null,
  words tsvector not null,
  stems jsonb not null,
  primary key (store_id, category_id)
);
comment on table search_category is 'The categories that are shown.';
create index search_category_by_slug on search_category (store_id, slug);

create table product_import (
  store_id uuid not null references store,
  id uuid not null,
  state text not null check (state in ('UPLOADING', 'WAITING', 'RUNNING', 'FINISHED', 'FAILED', 'CANCELLED',
                                       'UNDO_WAITING', 'UNDOING', 'UNDONE')),
  name text not null,
  is_dry_run boolean not null,
  is_strict boolean not null,
  may_adjust boolean not null,
  layout jsonb,
  size bigint not null default 0 check (size >= 0),
  position bigint not null default 0 check (position between 0 and size),
  line integer not null default 1,
  rows_created integer not null default 0,
  rows_changed integer not null default 0,
  rows_unchanged integer not null default 0,
  rows_failed integer not null default 0,
  errors integer not null default 0,
  failure jsonb,
  products_undone integer not null default 0,
  products_kept integer not null default 0,
  runner uuid,
  lease_until timestamptz,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint import_has_a_layout check (layout is not null or state = 'UPLOADING')
);
comment on table product_import is 'A spreadsheet of products on its way in. What a batch of rows did and how far that is into the file are committed together.';
comment on column product_import.position is 'Bytes of the file, as it is kept here, that are done with; line is the one that comes next.';
comment on column product_import.lease_until is 'Until then the runner may work on it alone; each batch lengthens it. Afterwards anybody may go on from the position.';
comment on column product_import.may_adjust is 'Whether who sent it may correct stock.';
create unique index product_import_one_at_a_time on product_import (store_id) where state in ('RUNNING', 'UNDOING');
create index product_import_unfinished on product_import (id)
  where state in ('WAITING', 'RUNNING', 'UNDO_WAITING', 'UNDOING');
-- After its other indexes, as that of product is.
alter table product_import add primary key (store_id, id);

create table product_import_chunk (
  store_id uuid not null,
  import_id uuid not null,
  number integer not null check (number >= 0),
  bytes bytea not null,
  primary key (store_id, import_id, number),
  foreign key (store_id, import_id) references product_import
);
comment on table product_import_chunk is 'The file in UTF-8, in pieces of one size, until the import has ended.';
alter table product_import_chunk alter column bytes set storage external;

create table product_import_seen (
  store_id uuid not null,
  import_id uuid not null,
  kind text not null check (kind in ('sku', 'barcode', 'slug')),
  value text not null,
  primary key (store_id, import_id, kind, value),
  foreign key (store_id, import_id) references product_import
);
comment on table product_import_seen is 'What may be in a file once and has been met, until the import has ended.';

create table product_import_error (
  store_id uuid not null,
  import_id uuid not null,
  number integer not null check (number > 0),
  line integer,
  header text,
  sku text,
  code text not null,
  detail text not null,
  primary key (store_id, import_id, number),
  foreign key (store_id, import_id) references product_import
);
comment on column product_import_error.line is 'Null for what an undo has left as it was.';

create table product_import_change (
  store_id uuid not null,
  import_id uuid not null,
  product_id uuid not null,
  version integer not null,
  before jsonb,
  stock jsonb not null,
  is_undone boolean,
  primary key (store_id, import_id, product_id),
  foreign key (store_id, import_id) references product_import,
  foreign key (store_id, product_id) references product
);
comment on table product_import_change is 'What an undo needs of each product that an import made (before is null) or changed.';
comment on column product_import_change.version is 'That of the product after the import; null in is_undone until somebody has tried, false where it had been changed since.';
comment on column product_import_change.stock is 'By variant, how many units the import added to or took from existing stock.';
create index product_import_change_of_product on product_import_change (store_id, product_id);
create index product_import_change_to_undo on product_import_change (store_id, import_id, product_id)
  where is_undone is null;

create table tax_rate (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  country text not null check (country ~ '^[A-Z]{2}$'),
  state text,
  postal_prefix text,
  tax_class text not null,
  rate_ppm integer not null check (rate_ppm between 0 and 1000000),
  layer smallint not null check (layer between 0 and 9),
  valid_from timestamptz,
  valid_to timestamptz,
  source text not null check (source in ('staff', 'eu')),
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint tax_rate_ends_after_it_begins check (valid_from <= valid_to)
);
comment on table tax_rate is 'Of a layer, the most specific rate that is valid at the moment holds; those of different layers add up. Two of the same place, class and layer never overlap in time: that is checked with the store''s rates locked, as an exclusion constraint over text needs an extension.';
comment on column tax_rate.valid_from is 'From this moment on, and up to valid_to, which is not part of it; null has no limit. A rate that was taken back before it began has an empty time.';
comment on column tax_rate.postal_prefix is 'In capitals, without spaces and hyphens, as state is in capitals. Null is the whole state or country.';
create index tax_rate_of_country on tax_rate (store_id, country);
-- After its other indexes, as that of product is.
alter table tax_rate add primary key (store_id, id);

create table tax_exemption (
  store_id uuid not null references store,
  id uuid not null,
  customer_id uuid not null,
  country text check (country ~ '^[A-Z]{2}$'),
  reason text not null,
  certificate text,
  vat_number text,
  valid_from timestamptz,
  valid_to timestamptz,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint tax_exemption_ends_after_it_begins check (valid_from <= valid_to),
  foreign key (store_id, customer_id) references account
);
comment on table tax_exemption is 'Customers who pay no tax: in a country, or everywhere where country is null.';
create index tax_exemption_of_customer on tax_exemption (store_id, customer_id);
alter table tax_exemption add primary key (store_id, id);

create table shipping_zone (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  places jsonb not null,
  is_rest_of_world boolean not null,
  is_active boolean not null,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint shipping_zone_is_somewhere check (is_rest_of_world or places <> '[]')
);
comment on column shipping_zone.places is 'Countries, states and beginnings of postal codes: [{"country": "FR", "state": null, "postalPrefix": "20"}]. No place is in two active zones: that is checked with the store''s zones locked.';
create unique index shipping_zone_one_rest_of_world on shipping_zone (store_id) where is_rest_of_world and is_active;
-- After its other indexes, as that of product is.
alter table shipping_zone add primary key (store_id, id);

create table shipping_method (
  store_id uuid not null,
  id uuid not null,
  zone_id uuid not null,
  code text not null,
  name text not null,
  description text not null,
  tax_class text not null,
  is_pickup boolean not null,
  location_id uuid,
  min_days smallint check (min_days >= 0),
  max_days smallint check (max_days >= min_days),
  min_weight integer check (min_weight >= 0),
  max_weight integer check (max_weight >= min_weight),
  basis text not null check (basis in ('FLAT', 'WEIGHT', 'SUBTOTAL', 'ITEMS')),
  prices jsonb not null,
  sort_order integer not null,
  is_active boolean not null,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint shipping_code_once unique (store_id, code),
  constraint shipping_location_is_for_pickup check (is_pickup or location_id is null),
  foreign key (store_id, zone_id) references shipping_zone,
  foreign key (store_id, location_id) references stock_location
);
comment on column shipping_method.prices is 'By currency, in minor units: {"EUR": {"steps": [{"upTo": 2000, "amount": 490}], "perAdditional": 0, "freeAbove": 5000}}. What upTo counts, basis says: grams, minor units or items. That of the store''s currency is always there.';
comment on column shipping_method.is_active is 'What is no longer offered stays, as orders have its code.';
create index shipping_method_of_zone on shipping_method (store_id, zone_id);
alter table shipping_method add primary key (store_id, id);

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

create table order_request (
  store_id uuid not null references store,
  id uuid not null,
  state text not null default 'WAITING' check (state in ('WAITING', 'PLACED', 'REFUSED')),
  asked jsonb not null,
  customer_id uuid,
  token_hash bytea check (length(token_hash) = 32),
  order_id uuid,
  problem jsonb,
  attempts integer not null default 0,
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  primary key (store_id, id),
  constraint placed_request_names_its_order check ((state = 'PLACED') = (order_id is not null)),
  constraint refused_request_says_why check ((state = 'REFUSED') = (problem is not null)),
  constraint ended_request_says_when check ((state = 'WAITING') = (ended_at is null))
) with (fillfactor = 60);
comment on table order_request is 'Wishes to order that were taken in at once and are worked off by the desk: at least once inside, once in effect, as the order''s answer is kept under the id of the request.';
comment on column order_request.asked is 'The checked request, until it has ended.';
create index order_request_waiting on order_request (store_id, id) where state = 'WAITING';
create index order_request_ended on order_request (ended_at) where ended_at is not null;

create table promotion (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  description text not null,
  trigger text not null check (trigger in ('AUTOMATIC', 'COUPON')),
  is_active boolean not null,
  valid_from timestamptz,
  valid_to timestamptz,
  priority integer not null,
  stacking text not null check (stacking in ('STACKS', 'EXCLUSIVE')),
  condition jsonb,
  actions jsonb not null,
  max_uses integer check (max_uses > 0),
  max_uses_per_customer integer check (max_uses_per_customer > 0),
  budget bigint check (budget > 0 and budget < 1000000000000000),
  currency text not null,
  uses integer not null default 0 check (uses >= 0),
  spent bigint not null default 0 check (spent >= 0),
  is_limited boolean not null generated always as (
    max_uses is not null or max_uses_per_customer is not null or budget is not null
  ) stored,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint promotion_begins_first check (valid_to > valid_from),
  constraint never_used_too_often check (uses <= max_uses),
  constraint never_over_budget check (spent <= budget)
);
comment on table promotion is 'What takes something off an order, by itself or for a coupon. Switched off, never deleted: orders refer to it.';
comment on column promotion.condition is 'Null applies always. Amounts in rules are decimals by currency, as clients write them.';
comment on column promotion.budget is 'Minor units of its currency, which is the store''s, as is spent: an order in another one has nothing of a promotion with a budget.';
comment on column promotion.uses is 'Redemptions that were not given back. Counted, as is spent, where is_limited: one without limits is never locked by an order.';
create index promotion_automatic on promotion (store_id, id) where is_active and trigger = 'AUTOMATIC';
-- After its other indexes, as that of product is.
alter table promotion add primary key (store_id, id);

create table coupon (
  store_id uuid not null,
  id uuid not null,
  promotion_id uuid not null,
  code text not null,
  code_key text not null,
  is_active boolean not null,
  max_uses integer check (max_uses > 0),
  uses integer not null default 0 check (uses >= 0),
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (store_id, promotion_id) references promotion,
  constraint coupon_code_once unique (store_id, code_key),
  constraint coupon_never_used_too_often check (uses <= max_uses)
);
comment on column coupon.code_key is 'The code case folded and without blanks around it: how codes are compared.';
comment on column coupon.uses is 'Counted where max_uses is given, as in promotion.';
create index coupon_of_promotion on coupon (store_id, promotion_id, id);
alter table coupon add primary key (store_id, id);

create table redemption (
  store_id uuid not null,
  id uuid not null,
  promotion_id uuid not null,
  coupon_id uuid,
  order_id uuid not null,
  account_id uuid,
  email_key text,
  amount bigint not null check (amount > 0 and amount < 1000000000000000),
  currency text not null,
  redeemed_at timestamptz not null,
  given_back_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, promotion_id) references promotion,
  foreign key (store_id, coupon_id) references coupon,
  foreign key (store_id, order_id) references sales_order,
  foreign key (store_id, account_id) references account
);
comment on table redemption is 'A promotion that an order has used; given back where the order was cancelled.';
comment on column redemption.email_key is 'The buyer''s address, case folded and without what follows a plus sign: how customers without an account are told apart.';
create unique index redemption_once on redemption (store_id, order_id, promotion_id) where given_back_at is null;
comment on index redemption_once is 'An order uses a promotion once, however many of its codes it names.';
create index redemption_of_promotion on redemption (store_id, promotion_id, id);
create index redemption_of_coupon on redemption (store_id, coupon_id) where coupon_id is not null;
create index redemption_of_account on redemption (store_id, promotion_id, account_id)
  where given_back_at is null and account_id is not null;
create index redemption_of_email on redemption (store_id, promotion_id, email_key)
  where given_back_at is null and email_key is not null;

create function count_terms() returns trigger language plpgsql as $$
begin
  update store
  set terms = terms + 1
  where id = coalesce(new.store_id, old.store_id);
  return null;
end
$$;
comment on function count_terms() is 'A trigger, so that no statement that changes the terms can forget to say so.';

create function count_all_terms() returns trigger language plpgsql as $$
begin
  update store
  set terms = terms + 1;
  return null;
end
$$;

create trigger market_is_of_terms after insert or update or delete on market
  for each row execute function count_terms();
create trigger market_country_is_of_terms after insert or update or delete on market_country
  for each row execute function count_terms();
create trigger store_exchange_rate_is_of_terms after insert or update or delete on store_exchange_rate
  for each row execute function count_terms();
create trigger exchange_rate_is_of_terms after insert or update or delete on exchange_rate
  for each statement execute function count_all_terms();
create trigger tax_rate_is_of_terms after insert or update or delete on tax_rate
  for each row execute function count_terms();
create trigger tax_exemption_is_of_terms after insert or update or delete on tax_exemption
  for each row execute function count_terms();
create trigger shipping_zone_is_of_terms after insert or update or delete on shipping_zone
  for each row execute function count_terms();
create trigger shipping_method_is_of_terms after insert or update or delete on shipping_method
  for each row execute function count_terms();
create trigger promotion_is_of_terms after insert or delete or update of is_active, trigger, valid_to on promotion
  for each row execute function count_terms();
