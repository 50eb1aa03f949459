-- Sign-ins are counted before it is known how they end, and taken back where they succeed.
-- Forgetting old sessions looks at the ended ones too. Both tables hold weeks of sign-ins at most: they are read once.
-- Customers are found by words, as orders are; those there are get theirs as PostgreSQL splits them.
-- squawk-ignore-file require-concurrent-index-deletion, require-concurrent-index-creation, ban-drop-constraint, constraint-missing-not-valid

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
