-- Sign-ins are counted before it is known how they end, and taken back where they succeed.
-- Forgetting old sessions looks at the ended ones too. Both tables hold weeks of sign-ins at most: they are read once.
-- Customers are found by words, as orders are. Those there are get theirs as PostgreSQL splits and folds them, which
-- for letters such as ß is not as the program does; with their next change they are right. Accounts wait meanwhile: a
-- million of them take about a minute.
-- squawk-ignore-file require-concurrent-index-deletion, require-concurrent-index-creation, ban-drop-constraint, constraint-missing-not-valid, adding-foreign-key-constraint

drop index session_of_account;
create index session_of_account on session (store_id, account_id, id);

alter table sign_in_attempt drop constraint sign_in_attempt_attempts_check;
alter table sign_in_attempt add constraint sign_in_attempt_attempts_check check (attempts >= 0);
comment on table sign_in_attempt is 'Attempts since started_at for an account or an address, as a hash, but for those that succeeded. Counted here, so that it holds for all processes.';

alter table account add column words tsvector not null default '';
update account
set words = array_to_tsvector(array_remove(array_append(
  regexp_split_to_array(lower(first_name || ' ' || last_name || ' ' || email_normal), '[^[:alnum:]]+'), email_normal), ''));
create index account_words on account using gin (words);

alter table proof add column created_at timestamptz not null default now();
create index proof_of_email on proof (store_id, email, created_at);

alter table api_key
  add column created_by uuid,
  add foreign key (store_id, created_by) references account;
comment on column api_key.created_by is 'The person who made it: it works for as long as he may do what it may. Null for keys of the command line.';
