-- What an item of an order looked like when it was bought. The column is null, which takes no time.

alter table order_line add column image_url text;
