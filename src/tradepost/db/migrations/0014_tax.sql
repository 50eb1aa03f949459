-- What is taxed how, and who is not. The product's new column is constant, which takes no time; the tables are new.
-- squawk-ignore-file constraint-missing-not-valid, require-concurrent-index-creation, adding-foreign-key-constraint, disallowed-unique-constraint

alter table product
  add column tax_class text not null default 'standard';
comment on column product.tax_class is 'Which of a country''s rates it is taxed with: see tax_rate.';

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
