-- What may happen to an order after it was placed. New columns are null or constant, which takes no time; new checks are
-- on new columns only.
-- squawk-ignore-file constraint-missing-not-valid, require-concurrent-index-creation, adding-foreign-key-constraint, ban-drop-constraint

alter table sales_order
  add column held_because text,
  add column cancelled_because text,
  add column cancelled_at timestamptz,
  add column deleted_at timestamptz,
  add column tracking_company text,
  add column tracking_number text,
  add column revision integer not null default 1,
  add constraint cancelled_says_why check ((cancelled_because is null) = (cancelled_at is null)),
  add constraint deleted_is_cancelled check (deleted_at is null or status in ('CANCELLED', 'REFUNDED'));
comment on column sales_order.deleted_at is 'Out of every list, kept for the books.';

alter table stock_movement drop constraint stock_movement_kind_check;
alter table stock_movement add constraint stock_movement_kind_check
  check (kind in ('opening', 'adjustment', 'reserve', 'release', 'ship', 'return'));
create index stock_movement_of_order on stock_movement (store_id, order_id) where order_id is not null;

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
  foreign key (store_id, order_id) references sales_order,
  foreign key (store_id, location_id) references stock_location
);
comment on table shipment is 'A parcel of an order, from one location. Its units leave the stock when it is SHIPPED.';
create index shipment_of_order on shipment (store_id, order_id, id);
create index shipment_by_tracking on shipment (store_id, tracking_number) where tracking_number is not null;
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
