-- Money: payments, the ledger of what happened to them, what is under way at a provider, and what providers told us.

create table payment (
  store_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  provider text not null,
  method text not null,
  amount bigint not null check (amount > 0 and amount < 1000000000000000),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  capture text not null check (capture in ('automatic', 'manual')),
  status text not null
    check (status in ('STARTING', 'PENDING', 'NEEDS_ACTION', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED')),
  provider_ref text,
  next_action jsonb,
  decline_code text,
  decline_message text,
  version integer not null default 1 check (version > 0),
  looked_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (store_id, order_id) references sales_order,
  constraint payment_ref_once unique (provider, provider_ref)
);
comment on table payment is 'One attempt to take money for an order. Amounts are in minor units of the currency.';
comment on column payment.method is 'What the client named, such as pm_card_visa: a name at the provider, never a card number.';
comment on column payment.looked_at is 'When the provider was last asked about one that waits.';
comment on constraint payment_ref_once on payment is 'Providers tell of their objects without naming a store: whoever it belongs to, it is one payment.';
create index payment_of_order on payment (store_id, order_id, id);
create unique index payment_one_live on payment (store_id, order_id)
  where status in ('STARTING', 'PENDING', 'NEEDS_ACTION', 'AUTHORIZED');
comment on index payment_one_live is 'However many ask at once, an order has one payment that may still take money.';
create index payment_waiting on payment (looked_at) where status in ('PENDING', 'NEEDS_ACTION');
-- After its other indexes, as for product.
alter table payment add primary key (store_id, id);

create table payment_operation (
  store_id uuid not null,
  id uuid not null,
  payment_id uuid not null,
  kind text not null check (kind in ('authorize', 'capture', 'refund', 'void')),
  amount bigint not null check (amount > 0),
  state text not null default 'started' check (state in ('started', 'done', 'failed')),
  attempts integer not null default 0 check (attempts >= 0),
  next_try_at timestamptz not null,
  last_error text,
  request_key bytea,
  reason text,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (store_id, payment_id) references payment
);
comment on table payment_operation is 'What is asked of a provider: written before the call, settled after it. The provider''s idempotency key is made of the id and never changes.';
comment on column payment_operation.next_try_at is 'When the sweep may carry it out (again); until then whoever began it is at work.';
comment on column payment_operation.request_key is 'The idempotency key, hashed, of the request that asked for it: the same request again goes on with it.';
create index payment_operation_of_request on payment_operation (store_id, request_key) where request_key is not null;
create index payment_operation_of_payment on payment_operation (store_id, payment_id, id);
create index payment_operation_due on payment_operation (next_try_at) where state = 'started';
create unique index payment_operation_one_started on payment_operation (store_id, payment_id, kind)
  where state = 'started' and kind <> 'refund';
-- After its other indexes, as for product.
alter table payment_operation add primary key (store_id, id);

create table payment_entry (
  store_id uuid not null,
  payment_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('authorize', 'capture', 'refund', 'void')),
  amount bigint not null check (amount > 0),
  provider text not null,
  reference text not null,
  operation_id uuid,
  reason text,
  actor_kind text not null,
  actor_id uuid,
  created_at timestamptz not null default now(),
  primary key (store_id, payment_id, id),
  foreign key (store_id, payment_id) references payment,
  foreign key (store_id, operation_id) references payment_operation,
  constraint payment_effect_once unique (store_id, provider, kind, reference)
);
comment on table payment_entry is 'Append-only: what happened to money. Without an operation it happened at the provider''s side.';
comment on constraint payment_effect_once on payment_entry is 'An effect is recorded once, whoever reports it: the call, a webhook or the sweep.';
create index payment_entry_of_operation on payment_entry (store_id, operation_id) where operation_id is not null;

create table provider_event (
  provider text not null,
  event_id text not null,
  type text not null,
  payment_ref text,
  livemode boolean not null,
  api_version text,
  body bytea not null,
  received_at timestamptz not null default now(),
  worked_at timestamptz,
  attempts integer not null default 0 check (attempts >= 0),
  next_try_at timestamptz not null default now(),
  outcome text,
  primary key (provider, event_id),
  check ((worked_at is null) = (outcome is null))
);
comment on table provider_event is 'What providers told us, as they said it. It is a hint to look: the truth is fetched from the provider.';
create index provider_event_unworked on provider_event (next_try_at) where worked_at is null;

create table fake_payment_object (
  key text primary key,
  ref text not null unique,
  kind text not null check (kind in ('intent', 'capture', 'refund')),
  intent_ref text references fake_payment_object (ref),
  amount bigint not null check (amount > 0),
  currency text not null,
  method text not null,
  is_manual boolean not null,
  status text not null,
  payment_id uuid not null,
  order_id uuid not null,
  operation_id uuid not null,
  created_at timestamptz not null default now()
);
comment on table fake_payment_object is 'What the fake provider of demos and tests remembers, by idempotency key: the books of another house, which no code but the fake''s reads.';
create index fake_payment_object_of_intent on fake_payment_object (intent_ref);
