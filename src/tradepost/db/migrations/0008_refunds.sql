-- Limits of what somebody may give back, and refunds that fail after they were made, and
-- what need not be kept for ever.
-- squawk-ignore-file constraint-missing-not-valid, ban-drop-constraint, require-concurrent-index-creation

alter table staff_role add column refund_limit bigint check (refund_limit >= 0);
comment on column staff_role.refund_limit is 'What each person of the role may give back of one order, in minor units of the store''s currency. Null is without limit.';

alter table payment_operation add column given_by uuid;
comment on column payment_operation.given_by is 'Of a refund: the person whose own decision it is, and whose limit it counts against. Null where it follows from something else, such as a cancellation.';

alter table payment_entry drop constraint payment_entry_kind_check;
alter table payment_entry add constraint payment_entry_kind_check
  check (kind in ('authorize', 'capture', 'refund', 'refund_undone', 'void')) not valid;
alter table payment_entry validate constraint payment_entry_kind_check;

create index provider_event_worked on provider_event (worked_at) where worked_at is not null;
create index fake_payment_object_by_time on fake_payment_object (created_at) where kind = 'intent';
