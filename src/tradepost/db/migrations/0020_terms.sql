alter table store add column terms bigint not null default 0;
comment on column store.terms is 'Counts up whenever markets, rates, taxes or ways of sending change: who knows the terms of a number need not read them again.';

create function count_terms() returns trigger language plpgsql as $$
begin
  update store
  set terms = terms + 1
  where id = coalesce(new.store_id, old.store_id);
  return null;
end
$$;
comment on function count_terms() is 'A trigger, so that no statement that changes the terms can forget to say so.';

create function count_all_terms() returns trigger language plpgsql as $$
begin
  update store
  set terms = terms + 1;
  return null;
end
$$;

create trigger market_is_of_terms after insert or update or delete on market
  for each row execute function count_terms();
create trigger market_country_is_of_terms after insert or update or delete on market_country
  for each row execute function count_terms();
create trigger store_exchange_rate_is_of_terms after insert or update or delete on store_exchange_rate
  for each row execute function count_terms();
create trigger exchange_rate_is_of_terms after insert or update or delete on exchange_rate
  for each statement execute function count_all_terms();
create trigger tax_rate_is_of_terms after insert or update or delete on tax_rate
  for each row execute function count_terms();
create trigger tax_exemption_is_of_terms after insert or update or delete on tax_exemption
  for each row execute function count_terms();
create trigger shipping_zone_is_of_terms after insert or update or delete on shipping_zone
  for each row execute function count_terms();
create trigger shipping_method_is_of_terms after insert or update or delete on shipping_method
  for each row execute function count_terms();
create trigger promotion_is_of_terms after insert or delete or update of is_active, trigger, valid_to on promotion
  for each row execute function count_terms();
