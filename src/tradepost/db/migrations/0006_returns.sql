-- Goods that come back.

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
