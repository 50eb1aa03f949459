-- Where a shop sends, how, and what that costs. Only new tables.
-- squawk-ignore-file constraint-missing-not-valid, require-concurrent-index-creation, adding-foreign-key-constraint, disallowed-unique-constraint

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
