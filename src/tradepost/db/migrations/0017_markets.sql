-- Markets, prices and words in them, exchange rates. All tables are new and small; every store gets its home market.
-- squawk-ignore-file constraint-missing-not-valid, adding-foreign-key-constraint

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

insert into market (store_id, id, slug, name)
select id, id, 'home', name
from store;

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

alter table api_key
  add column market_id uuid,
  add foreign key (store_id, market_id) references market;
comment on column api_key.market_id is 'The market that its calls are made in, where they name no other.';
