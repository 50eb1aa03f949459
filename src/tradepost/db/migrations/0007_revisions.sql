-- What was agreed with the buyer before each edit of an order.
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid

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

-- An item that an edit takes out keeps its row, as parcels and returns may name it.
alter table order_line drop constraint order_line_quantity_check;
alter table order_line add constraint order_line_quantity_check check (quantity >= 0) not valid;
alter table order_line validate constraint order_line_quantity_check;
comment on column order_line.quantity is 'None where an edit has taken the item out.';
