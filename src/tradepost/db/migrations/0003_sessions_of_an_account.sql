-- Forgetting old sessions looks at the ended ones too. The table holds weeks of sign-ins: it is read once.
-- squawk-ignore-file require-concurrent-index-deletion, require-concurrent-index-creation

drop index session_of_account;
create index session_of_account on session (store_id, account_id, id);
