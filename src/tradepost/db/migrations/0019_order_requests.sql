create table order_request (
  store_id uuid not null references store,
  id uuid not null,
  state text not null default 'WAITING' check (state in ('WAITING', 'PLACED', 'REFUSED')),
  asked jsonb not null,
  customer_id uuid,
  token_hash bytea check (length(token_hash) = 32),
  order_id uuid,
  problem jsonb,
  attempts integer not null default 0,
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  primary key (store_id, id),
  constraint placed_request_names_its_order check ((state = 'PLACED') = (order_id is not null)),
  constraint refused_request_says_why check ((state = 'REFUSED') = (problem is not null)),
  constraint ended_request_says_when check ((state = 'WAITING') = (ended_at is null))
) with (fillfactor = 60);
comment on table order_request is 'Wishes to order that were taken in at once and are worked off by the desk: at least once inside, once in effect, as the order''s answer is kept under the id of the request.';
comment on column order_request.asked is 'The checked request, until it has ended.';
create index order_request_waiting on order_request (store_id, id) where state = 'WAITING';
create index order_request_ended on order_request (ended_at) where ended_at is not null;
