-- Spreadsheets of products: what is on its way in, what was wrong with it, and what an undo needs. Only new tables.

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
