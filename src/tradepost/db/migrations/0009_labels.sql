-- Labels that carriers sell, and what they say of parcels. New columns are null, which takes no time; the new index is
-- on few rows: parcels with a number to be asked for.
-- squawk-ignore-file require-concurrent-index-creation, constraint-missing-not-valid, adding-foreign-key-constraint

alter table shipment add column track_due_at timestamptz;
comment on column shipment.track_due_at is 'When its carrier is asked again where it is; null where there is nothing to ask.';
create index shipment_to_track on shipment (lower(carrier), track_due_at) where track_due_at is not null;

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
