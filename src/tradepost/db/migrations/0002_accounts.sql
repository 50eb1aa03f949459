-- Customers and staff sign in: one account for either, sessions, what a mail proves, roles made of permissions.
-- Renames and columns with constant defaults take no time; its indexes and checks read the table of customers once.
-- squawk-ignore-file renaming-object, renaming-table, ban-drop-constraint, constraint-missing-not-valid, require-concurrent-index-creation, adding-foreign-key-constraint, disallowed-unique-constraint, renaming-column

alter table customer rename to account;
alter table account rename constraint customer_pkey to account_pkey;
alter table account rename constraint customer_store_id_fkey to account_store_id_fkey;
alter table account rename constraint customer_version_check to account_version_check;
alter table account drop constraint customer_email_once;

create table staff_role (
  store_id uuid not null references store,
  id uuid not null,
  name text not null,
  permissions text[] not null,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint staff_role_name_once unique (store_id, name)
);
alter table staff_role add primary key (store_id, id);

alter table account
  add column role text not null default 'CLIENT' check (role in ('CLIENT', 'STAFF', 'ADMIN')),
  add column staff_role_id uuid,
  add column date_of_birth date,
  add column is_active boolean not null default true,
  add column is_pending boolean not null default false,
  add column email_verified_at timestamptz,
  add column password_hash text,
  add foreign key (store_id, staff_role_id) references staff_role,
  add constraint staff_have_a_role check ((role = 'STAFF') = (staff_role_id is not null)),
  add constraint pending_is_not_proven check (not (is_pending and email_verified_at is not null));
comment on column account.is_pending is 'Registered by somebody who has not shown that the e-mail address is his. There may be several for one address, each with a password of its own; none of them is found by it but in signing in.';
create unique index account_email_once on account (store_id, email_normal) where not is_pending;
create index account_pending on account (store_id, email_normal, id) where is_pending;

create table session (
  store_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  user_agent text not null,
  address text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_because text check (ended_because in ('logout', 'ended', 'password', 'reuse', 'role', 'deactivated')),
  primary key (store_id, id),
  foreign key (store_id, account_id) references account,
  check ((ended_at is null) = (ended_because is null))
);
comment on table session is 'A sign-in on one device. An access token is worth nothing once its session has ended.';
create index session_of_account on session (store_id, account_id, id) where ended_at is null;

create table refresh_token (
  store_id uuid not null,
  token_hash bytea not null check (length(token_hash) = 32),
  session_id uuid not null,
  used_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (store_id, token_hash),
  foreign key (store_id, session_id) references session
);
comment on table refresh_token is 'All of a session, so that one that comes a second time is known for what it is. Used once each.';
create index refresh_token_of_session on refresh_token (store_id, session_id);

create table proof (
  store_id uuid not null,
  token_hash bytea not null check (length(token_hash) = 32),
  account_id uuid not null,
  purpose text not null check (purpose in ('verify', 'reset', 'change')),
  email text not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (store_id, token_hash),
  foreign key (store_id, account_id) references account
);
comment on table proof is 'Secrets sent by mail. Whoever has one reads the mail of that address: good once, for one purpose, while the account''s address is the one it was made for.';
create index proof_of_account on proof (store_id, account_id);

create table sign_in_attempt (
  store_id uuid not null,
  subject bytea not null check (length(subject) = 32),
  started_at timestamptz not null,
  attempts integer not null check (attempts > 0),
  primary key (store_id, subject)
);
comment on table sign_in_attempt is 'Failed attempts since started_at for an account or an address, as a hash. Counted here, so that it holds for all processes.';

create table signing_key (
  id text primary key,
  secret bytea not null check (length(secret) >= 32),
  created_at timestamptz not null default now(),
  retired_at timestamptz
);
comment on table signing_key is 'Keys of access tokens. The newest signs; a retired one is believed until the last token signed with it has run out.';

create table address (
  store_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  type text not null check (type in ('SHIPPING', 'BILLING')),
  is_default boolean not null,
  first_name text not null,
  last_name text not null,
  company text,
  line1 text not null,
  line2 text,
  city text not null,
  state text,
  postal_code text,
  country text not null,
  phone text,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (store_id, id),
  foreign key (store_id, account_id) references account
);
create index address_of_account on address (store_id, account_id, id);
create unique index address_one_default on address (store_id, account_id, type) where is_default;
