-- Promotions, their coupons, and what orders have used of them. New tables, which takes no time.

create table promotion (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  description text not null,
  trigger text not null check (trigger in ('AUTOMATIC', 'COUPON')),
  is_active boolean not null,
  valid_from timestamptz,
  valid_to timestamptz,
  priority integer not null,
  stacking text not null check (stacking in ('STACKS', 'EXCLUSIVE')),
  condition jsonb,
  actions jsonb not null,
  max_uses integer check (max_uses > 0),
  max_uses_per_customer integer check (max_uses_per_customer > 0),
  budget bigint check (budget > 0 and budget < 1000000000000000),
  currency text not null,
  uses integer not null default 0 check (uses >= 0),
  spent bigint not null default 0 check (spent >= 0),
  is_limited boolean not null generated always as (
    max_uses is not null or max_uses_per_customer is not null or budget is not null
  ) stored,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint promotion_begins_first check (valid_to > valid_from),
  constraint never_used_too_often check (uses <= max_uses),
  constraint never_over_budget check (spent <= budget)
);
comment on table promotion is 'What takes something off an order, by itself or for a coupon. Switched off, never deleted: orders refer to it.';
comment on column promotion.condition is 'Null applies always. Amounts in rules are decimals by currency, as clients write them.';
comment on column promotion.budget is 'Minor units of its currency, which is the store''s, as is spent: an order in another one has nothing of a promotion with a budget.';
comment on column promotion.uses is 'Redemptions that were not given back. Counted, as is spent, where is_limited: one without limits is never locked by an order.';
create index promotion_automatic on promotion (store_id, id) where is_active and trigger = 'AUTOMATIC';
-- After its other indexes, as that of product is.
alter table promotion add primary key (store_id, id);

create table coupon (
  store_id uuid not null,
  id uuid not null,
  promotion_id uuid not null,
  code text not null,
  code_key text not null,
  is_active boolean not null,
  max_uses integer check (max_uses > 0),
  uses integer not null default 0 check (uses >= 0),
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (store_id, promotion_id) references promotion,
  constraint coupon_code_once unique (store_id, code_key),
  constraint coupon_never_used_too_often check (uses <= max_uses)
);
comment on column coupon.code_key is 'The code case folded and without blanks around it: how codes are compared.';
comment on column coupon.uses is 'Counted where max_uses is given, as in promotion.';
create index coupon_of_promotion on coupon (store_id, promotion_id, id);
alter table coupon add primary key (store_id, id);

create table redemption (
  store_id uuid not null,
  id uuid not null,
  promotion_id uuid not null,
  coupon_id uuid,
  order_id uuid not null,
  account_id uuid,
  email_key text,
  amount bigint not null check (amount > 0 and amount < 1000000000000000),
  currency text not null,
  redeemed_at timestamptz not null,
  given_back_at timestamptz,
  primary key (store_id, id),
  foreign key (store_id, promotion_id) references promotion,
  foreign key (store_id, coupon_id) references coupon,
  foreign key (store_id, order_id) references sales_order,
  foreign key (store_id, account_id) references account
);
comment on table redemption is 'A promotion that an order has used; given back where the order was cancelled.';
comment on column redemption.email_key is 'The buyer''s address, case folded and without what follows a plus sign: how customers without an account are told apart.';
create unique index redemption_once on redemption (store_id, order_id, promotion_id) where given_back_at is null;
comment on index redemption_once is 'An order uses a promotion once, however many of its codes it names.';
create index redemption_of_promotion on redemption (store_id, promotion_id, id);
create index redemption_of_coupon on redemption (store_id, coupon_id) where coupon_id is not null;
create index redemption_of_account on redemption (store_id, promotion_id, account_id)
  where given_back_at is null and account_id is not null;
create index redemption_of_email on redemption (store_id, promotion_id, email_key)
  where given_back_at is null and email_key is not null;
