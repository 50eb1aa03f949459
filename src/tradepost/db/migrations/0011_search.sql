create table search_position (
  store_id uuid primary key references store,
  position text,
  revision bigint not null default 0
);
comment on table search_position is 'How far the default search engine has followed the event feed. Locked while something is written, so that one writes at a time.';
comment on column search_position.revision is 'Counts up with each write: see search_word.';

create table search_document (
  store_id uuid not null,
  product_id uuid not null,
  slug text not null,
  name text not null,
  words tsvector not null,
  stems jsonb not null,
  lexicon text[] not null,
  primary key (store_id, product_id)
);
comment on table search_document is 'The text of products on sale, as the default search engine finds them: derived, written by it alone, made anew by tradepost search rebuild.';
comment on column search_document.stems is 'The words of the name that have a stem, with it: for highlighting.';
comment on column search_document.lexicon is 'Its words in search_word.';
create index search_document_words on search_document using gin (words) with (gin_pending_list_limit = 256);
comment on index search_document_words is 'A short list of pending words, as each search reads all of it.';

create table search_standing (
  store_id uuid not null,
  product_id uuid not null,
  name text not null,
  price bigint not null check (price >= 0),
  is_featured boolean not null,
  in_stock boolean not null,
  shelf_id integer not null,
  choice_id integer not null,
  primary key (store_id, product_id)
) with (fillfactor = 70);
comment on table search_standing is 'What products are filtered, counted and sorted by, in narrow rows: all of them are read for one answer. Apart from the words, so that stock that runs out rewrites no index.';
comment on column search_standing.price is 'Minor units, of the cheapest active variant.';

create table search_shelf (
  store_id uuid not null,
  id integer generated always as identity,
  key text not null,
  category_ids uuid[] not null,
  primary key (store_id, id),
  constraint search_shelf_once unique (store_id, key)
);
comment on table search_shelf is 'Sets of categories that products are in or inside, each once: products are counted by set, and then sets by category. Only ever added to.';
comment on column search_shelf.key is 'A hash of what is in the set.';

create table search_choice (
  store_id uuid not null,
  id integer generated always as identity,
  key text not null,
  combinations jsonb not null,
  names text[] not null,
  values text[] not null,
  primary key (store_id, id),
  constraint search_choice_once unique (store_id, key)
);
comment on column search_choice.names is 'With values: what there is in the combinations, each name and value once.';
comment on table search_choice is 'Sets of combinations of options that products come in, each once, as search_shelf.';

create table search_sold (
  store_id uuid not null,
  product_id uuid not null,
  units bigint not null,
  primary key (store_id, product_id)
) with (fillfactor = 50);
comment on table search_sold is 'Units in orders that were placed and not cancelled, as the feed tells.';

create table search_word (
  store_id uuid not null,
  word text not null,
  products integer not null check (products >= 0),
  revision bigint not null,
  primary key (store_id, word)
);
comment on table search_word is 'The dictionary that typing errors are corrected from: words of products on sale, and in how many they are.';
comment on column search_word.revision is 'The write in which it came or went last: a process that knows the dictionary reads what is newer.';
create index search_word_news on search_word (store_id, revision);

create table search_category (
  store_id uuid not null,
  category_id uuid not null,
  parent_id uuid,
  slug text not null,
  name text not null,
  sort_order integer not null,
  words tsvector not null,
  stems jsonb not null,
  primary key (store_id, category_id)
);
comment on table search_category is 'The categories that are shown.';
create index search_category_by_slug on search_category (store_id, slug);
