alter table sales_order add column basis jsonb;
comment on column sales_order.basis is 'What its amounts were reckoned on: market, exchange rate, discounts, delivery, why it is not taxed. Null for a plain order at home.';
alter table order_line add column taxes jsonb;
comment on column order_line.taxes is 'The taxes on it, as names and millionths; null where they are those of the whole order.';
