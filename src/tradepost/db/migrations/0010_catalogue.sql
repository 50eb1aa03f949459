-- Categories as a tree, images, options with their order, barcodes, and variants that cost what their product does.
-- New columns are null or constant, which takes no time. The catalogue's rows are written once: it is small beside the
-- orders, which are not touched.
-- squawk-ignore-file constraint-missing-not-valid, require-concurrent-index-creation, require-concurrent-index-deletion, adding-foreign-key-constraint, disallowed-unique-constraint, ban-drop-not-null

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

alter table product
  add column price bigint check (price >= 0 and price < 1000000000000000),
  add column options jsonb not null default '[]';
comment on column product.price is 'What variants without a price of their own cost, in minor units; null where there is none yet.';
comment on column product.options is 'Names and values that tell variants apart, both in the order in which they are shown: [{"name": "size", "values": ["S", "M"]}].';

alter table product_variant
  alter column price drop not null,
  add column own_price bigint check (own_price >= 0 and own_price < 1000000000000000),
  add column barcode text,
  add column image_id uuid,
  add constraint variant_own_price_counts check (own_price is null or price is not distinct from own_price),
  add foreign key (store_id, product_id, image_id) references product_image;
comment on column product_variant.price is 'What it costs, in minor units of the store''s currency, as are compare_price and cost_price: own_price, or else the price of the product. Kept here so that an order reads one row. Null where there is none yet.';

-- The one variant of a simple product has the product's price; where there are several, each keeps its own.
update product
set price = sole.price
from (
  select store_id, product_id, min(price) as price
  from product_variant
  group by store_id, product_id
  having count(*) = 1
) as sole
where sole.store_id = product.store_id
  and sole.product_id = product.id;
update product_variant as variant
set own_price = variant.price
from product
where product.store_id = variant.store_id
  and product.id = variant.product_id
  and product.price is null;

-- A combination of options is there once on a product: later ones of the same are told apart by their place.
update product_variant as variant
set options = variant.options || jsonb_build_object('variant', (variant.position + 1)::text)
where variant.options <> '{}'
  and exists (
    select
    from product_variant as other
    where other.store_id = variant.store_id
      and other.product_id = variant.product_id
      and other.options = variant.options
      and other.position < variant.position
  );
create unique index variant_barcode_once on product_variant (store_id, barcode) where barcode is not null;
create unique index variant_options_once on product_variant (store_id, product_id, md5(options::text))
  where options <> '{}';

update product
set options = used.options
from (
  select store_id, product_id,
         jsonb_agg(jsonb_build_object('name', name, 'values', listed) order by place, name) as options
  from (
    select store_id, product_id, name, min(place) as place, jsonb_agg(value order by place, value) as listed
    from (
      select variant.store_id, variant.product_id, option.key as name, option.value, min(variant.position) as place
      from product_variant as variant
      cross join lateral jsonb_each_text(variant.options) as option
      group by variant.store_id, variant.product_id, option.key, option.value
    ) as each_value
    group by store_id, product_id, name
  ) as each_name
  group by store_id, product_id
) as used
where used.store_id = product.store_id
  and used.product_id = product.id;

-- What has no price yet comes after what has the highest. All of these indexes are partial: the planner takes none of
-- them for the primary key's (tests/test_plans.py).
drop index product_variant_by_price;
create index product_variant_by_price on product_variant (store_id, (coalesce(price, 1000000000000000)), product_id)
  where is_active;
