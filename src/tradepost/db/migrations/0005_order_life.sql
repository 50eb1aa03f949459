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
