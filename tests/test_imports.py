"""Spreadsheets of products come in: row by row right or told, each once, and can be taken back."""

import gzip

import pytest

from tests.sheets import counts, errors_of, imported, parsed, read, seen, send, sheet, undone, work_off
from tests.shop import Shop, same_problem
from tradepost.app import operating

pytestmark = pytest.mark.anyio

_HEADERS = ["slug", "name", "sku", "price", "stock", "status"]


async def _products(shop: Shop) -> int:
    (row,) = await shop.rows("select count(*) from product")
    return row[0]


async def test_a_row_makes_a_product_with_its_price_stock_category_and_images(shop: Shop) -> None:
    headers = ["sku", "name", "price", "comparePrice", "stock", "category", "categories", "images", "weight", "status"]
    images = "https://images.example.com/a.jpg https://images.example.com/b.jpg"
    row = ["MUG", "Mug", "19.99", "25", "12", "Home > Kitchen", "Gifts | Home", images, "380", "active"]
    run = await imported(shop, sheet(headers, row))
    assert (run["state"], counts(run), run["percent"]) == ("FINISHED", (1, 0, 0, 0), 100.0)
    mug = await read(shop, "mug")
    assert (mug["sku"], mug["price"], mug["comparePrice"], mug["weight"]) == ("MUG", "19.99", "25.00", 380)
    assert (mug["inventoryQuantity"], mug["status"]) == (12, "ACTIVE")
    assert [image["url"] for image in mug["images"]] == images.split()
    kitchen = (await shop.staff("GET", "/categories/kitchen")).json()
    assert mug["categoryId"] == kitchen["id"]
    assert [crumb["name"] for crumb in kitchen["breadcrumb"]] == ["Home", "Kitchen"]
    assert len(mug["categoryIds"]) == 2
    (movement,) = await shop.rows("select kind, on_hand_change from stock_movement")
    assert movement == ("opening", 12)


async def test_rows_of_one_slug_are_the_variants_of_a_product(shop: Shop) -> None:
    headers = ["handle", "title", "sku", "option:size", "options", "price", "quantity"]
    file = sheet(
        headers,
        ["shirt", "Linen shirt", "S-S", "S", "", "49.90", 1],
        ["shirt", "", "S-M", "M", "colour: Red", "49.90", 2],
        ["shirt", "Linen shirt", "S-L", "L", "", "52.90", 3],
        ["cap", "Cap", "CAP", "", "", "9", 4],
    )
    assert counts(await imported(shop, file)) == (4, 0, 0, 0)
    shirt = await read(shop, "shirt")
    assert [variant["name"] for variant in shirt["variants"]] == ["S", "M / Red", "L"]
    assert [variant["price"] for variant in shirt["variants"]] == ["49.90", "49.90", "52.90"]
    assert [variant["ownPrice"] for variant in shirt["variants"]] == [None, None, "52.90"]
    assert shirt["variants"][1]["options"] == {"size": "M", "colour": "Red"}
    assert shirt["inventoryQuantity"] == 6


async def test_a_known_sku_is_changed_and_what_is_blank_stays(shop: Shop) -> None:
    mug = await shop.product(name="Mug", sku="MUG", description="Of tin.", inventoryQuantity=5)
    run = await imported(shop, sheet(["sku", "name", "description", "price", "stock"], ["MUG", "Cup", "", "12.50", 9]))
    assert counts(run) == (0, 1, 0, 0)
    after = await read(shop, mug["id"])
    assert (after["name"], after["description"], after["price"]) == ("Cup", "Of tin.", "12.50")
    assert (after["inventoryQuantity"], after["version"]) == (9, mug["version"] + 1)
    (movement,) = await shop.rows("select on_hand_change, reason from stock_movement where kind = 'adjustment'")
    assert movement == (4, f"import {run['id']}")
    assert counts(await imported(shop, sheet(["sku", "name", "stock"], ["MUG", "Cup", 9]))) == (0, 0, 1, 0)
    assert (await read(shop, mug["id"]))["version"] == after["version"]


async def test_variants_of_different_prices_get_prices_of_their_own_and_one_price_becomes_the_products(
    shop: Shop,
) -> None:
    sizes = [{"name": size, "sku": f"S-{size}", "options": {"size": size}} for size in "SML"]
    shirt = await shop.product(price="10.00", variants=sizes)
    await imported(shop, sheet(["sku", "price"], ["S-S", "10"], ["S-L", "12"]))
    after = await read(shop, shirt["id"])
    assert [variant["ownPrice"] for variant in after["variants"]] == [None, None, "12.00"]
    await imported(shop, sheet(["sku", "price"], ["S-S", 15], ["S-M", 15], ["S-L", 15]))
    after = await read(shop, shirt["id"])
    assert (after["basePrice"], {variant["ownPrice"] for variant in after["variants"]}) == ("15.00", {None})


async def test_a_new_row_of_a_known_product_is_a_new_variant(shop: Shop) -> None:
    shirt = await shop.product(slug="shirt", variants=[{"name": "S", "sku": "S-S", "options": {"size": "S"}}])
    run = await imported(
        shop, sheet(["slug", "sku", "option:size", "stock"], ["shirt", "S-S", "S", ""], ["shirt", "S-M", "M", 7])
    )
    assert counts(run) == (1, 0, 1, 0)
    after = await read(shop, shirt["id"])
    assert [(variant["sku"], variant["inventoryQuantity"]) for variant in after["variants"]] == [
        ("S-S", 10),
        ("S-M", 7),
    ]


async def test_prices_are_read_exactly_and_a_wrong_one_is_told(shop: Shop) -> None:
    wrong = ["19.999", "1e2", "NaN", "-1", "0x1", "1,234.00", "12,50", "9" * 20]
    rows = [[f"P-{at}", f"Thing {at}", price] for at, price in enumerate(["0.07", "8.10", "1234567.89", *wrong])]
    run = await imported(shop, sheet(["sku", "name", "price"], *rows))
    assert counts(run) == (3, 0, 0, len(wrong))
    assert {column for _, column, _ in await errors_of(shop, run)} == {"price"}
    prices = [(await read(shop, f"thing-{at}"))["price"] for at in range(3)]
    assert prices == ["0.07", "8.10", "1234567.89"]


async def test_a_comma_is_the_decimal_mark_where_semicolons_or_tabs_part_the_cells(shop: Shop) -> None:
    for at, separator in enumerate(";\t"):
        file = sheet(["sku", "name", "price"], [f"K-{at}", f"Kanne {at}", "12,50"], separator=separator)
        assert counts(await imported(shop, file)) == (1, 0, 0, 0)
        assert (await read(shop, f"kanne-{at}"))["price"] == "12.50"


async def test_errors_name_row_column_and_reason_as_pages_and_as_a_file(shop: Shop) -> None:
    taken = await shop.product(sku="TAKEN", slug="taken", barcode="4006381333931")
    file = sheet(
        [*_HEADERS, "barcode", "images"],
        ["", "", "NEW", "5", "", "", "", ""],
        ["", "Lamp", "", "5", "", "", "", ""],
        ["", "Lamp", "LAMP", "5", "-3", "SOLD", "", ""],
        ["other", "Other", "TAKEN", "5", "", "", "", ""],
        ["", "Pot", "POT", "5", "", "", "4006381333931", ""],
        ["", "Pan", "PAN", "5", "", "", "", "http://127.0.0.1/x.jpg"],
        ["", "Pan\x07", "PAN-2", "5", "", "", "", ""],
        ["", "Lid", "LID", "", "", "ACTIVE", "", ""],
        ["", "Cup", "CUP", "5", "3", "ACTIVE", "", ""],
    )
    run = await imported(shop, file)
    assert counts(run) == (1, 0, 0, 8)
    assert await errors_of(shop, run) == [
        (2, "name", "required"),
        (3, "sku", "required"),
        (4, "stock", "out_of_range"),
        (4, "status", "invalid_value"),
        (5, "sku", "sku_taken"),
        (6, "barcode", "barcode_taken"),
        (7, "images", "url_not_allowed"),
        (8, "name", "invalid_character"),
        (9, "price", "required"),
    ]
    assert run["errorCount"] == 9
    answer = await shop.staff("GET", f"/imports/{run['id']}/errors.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = parsed(answer.content)
    assert [(row["line"], row["column"], row["code"]) for row in rows] == [
        (str(line), column, code) for line, column, code in await errors_of(shop, run)
    ]
    page = (await shop.staff("GET", f"/imports/{run['id']}/errors?limit=4")).json()
    assert (page["total"], len(page["items"])) == (9, 4)
    following = (await shop.staff("GET", f"/imports/{run['id']}/errors?limit=4&cursor={page['nextCursor']}")).json()
    assert following["items"][0]["line"] == 5
    assert await read(shop, taken["id"]) == taken


async def test_a_product_with_a_wrong_row_is_left_out_whole_and_its_neighbours_are_not(shop: Shop) -> None:
    file = sheet(
        ["slug", "name", "sku", "option:size", "price"],
        ["a", "A", "A-1", "S", "5"],
        ["a", "", "A-2", "M", "five"],
        ["b", "B", "B-1", "S", "5"],
        ["c", "C", "C-1", "S", "5"],
        ["c", "Not C", "C-2", "M", "5"],
        ["d", "D", "D-1", "S", "5"],
        ["d", "D", "D-2", "S", "5"],
    )
    run = await imported(shop, file)
    assert counts(run) == (1, 0, 0, 6)
    assert await errors_of(shop, run) == [
        (2, None, "product_left_out"),
        (3, "price", "invalid_type"),
        (5, None, "product_left_out"),
        (6, "name", "contradiction"),
        (7, None, "product_left_out"),
        (8, "options", "combination_taken"),
    ]
    assert await _products(shop) == 1


async def test_a_strict_batch_is_whole_or_nothing_and_the_next_one_goes_on(shop: Shop) -> None:
    rows = [["", f"P {at}", f"P-{at}", "x" if at == 1 else "5", "", ""] for at in range(4)]
    run = await imported(shop, sheet(_HEADERS, *rows), "?strict=true", batch_rows=2)
    assert (counts(run), run["isStrict"]) == ((2, 0, 0, 2), True)
    assert await errors_of(shop, run) == [(2, None, "batch_left_out"), (3, "price", "invalid_type")]
    (names,) = await shop.rows("select array_agg(name order by name) from product")
    assert names[0] == ["P 2", "P 3"]


async def test_a_sku_twice_in_a_file_is_an_error_of_the_later_row_in_whatever_batch_it_is(shop: Shop) -> None:
    rows = [
        ["", "A", "A", "5", "", ""],
        ["", "B", "B", "5", "", ""],
        ["", "C", "A", "5", "", ""],
        ["", "D", "D", "5", "", ""],
    ]
    rows += [["", "E", "B", "5", "", ""]]
    for batch in (1, 2, 500):
        run = await imported(shop, sheet(_HEADERS, *rows), batch_rows=batch)
        assert await errors_of(shop, run) == [(4, "sku", "sku_repeated"), (6, "sku", "sku_repeated")]


async def test_rows_of_a_product_stand_together(shop: Shop) -> None:
    headers = ["slug", "name", "sku", "option:size"]
    file = sheet(headers, ["a", "A", "A-1", "S"], ["b", "B", "B-1", "S"], ["a", "A", "A-2", "M"])
    for batch in (1, 500):
        run = await imported(shop, file, batch_rows=batch)
        assert (3 + 1, "slug", "rows_apart") in await errors_of(shop, run)


async def test_a_batch_does_not_end_between_the_rows_of_a_product(shop: Shop) -> None:
    headers = ["slug", "name", "sku", "option:size"]
    rows = [[f"p-{at}", f"P {at}", f"P-{at}-{size}", size] for at in range(3) for size in "SML"]
    assert counts(await imported(shop, sheet(headers, *rows), batch_rows=2)) == (9, 0, 0, 0)
    assert [len((await read(shop, f"p-{at}"))["variants"]) for at in range(3)] == [3, 3, 3]


async def test_a_dry_run_has_the_same_errors_and_counts_and_writes_nothing(shop: Shop) -> None:
    await shop.product(sku="MUG", name="Mug", inventoryQuantity=5)
    await shop.product(sku="CUP", name="Cup")
    file = sheet(
        [*_HEADERS, "category"],
        ["", "Mug", "MUG", "11", "8", "", "Home"],
        ["", "Cup", "CUP", "", "", "", ""],
        ["", "Pot", "POT", "5", "3", "", "Home > Kitchen"],
        ["", "Pan", "PAN", "x", "3", "", ""],
        ["", "Pan", "POT", "5", "3", "", ""],
    )
    state = """
        select (select sum(version) from product), (select count(*) from product_variant),
               (select count(*) from stock_movement), (select count(*) from event), (select count(*) from category)
    """
    before = await shop.rows(state)
    tried = [await imported(shop, file, "?dryRun=true", batch_rows=size) for size in (2, 500)]
    assert await shop.rows(state) == before
    real = await imported(shop, file)
    for dry in tried:
        assert (counts(dry), await errors_of(shop, dry)) == (counts(real), await errors_of(shop, real))
    assert counts(real) == (1, 1, 1, 2)
    assert same_problem(await shop.staff("POST", f"/imports/{tried[0]['id']}/undo"), 409, "import_not_undoable")


async def test_headers_are_mapped_and_unknown_ones_are_told(shop: Shop) -> None:
    file = sheet(["Artikel", "Bezeichnung", "Preis", "Lager", "name"], ["A-1", "Kanne", "5", "kalt", "ignored"])
    mapping = '{"Artikel": "sku", "Bezeichnung": "name", "Preis": "price", "name": ""}'
    run = await imported(shop, file, f"?map={mapping}")
    assert counts(run) == (1, 0, 0, 0)
    assert run["ignoredColumns"] == ["Lager", "name"]
    assert run["columns"][0] == {"header": "Artikel", "field": "sku"}
    assert (await read(shop, "kanne"))["sku"] == "A-1"
    for wrong, code in [
        ('{"Nirgends": "sku"}', "unknown_header"),
        ('{"Artikel": "nothing"}', "unknown_field"),
        ("{}", "header_missing"),
        ('{"Artikel": "sku", "Preis": "sku"}', "repeated_column"),
        ("[", "invalid_type"),
        ('{"Artikel": 1}', "invalid_type"),
    ]:
        answer = await send(shop, file, f"?map={wrong}")
        assert answer.status_code == 422, wrong
        assert code in [error["code"] for error in answer.json()["errors"]], wrong
    assert await shop.rows("select count(*) from product_import") == [(1,)]
    assert await shop.rows("select count(*) from product_import_chunk") == [(0,)]


async def test_who_may_not_adjust_stock_makes_products_and_corrects_none(shop: Shop) -> None:
    await shop.product(sku="MUG", inventoryQuantity=5)
    key = await operating.create_key(shop.url, name="catalogue", scopes=["products:write"], store=None)
    file = sheet(["sku", "name", "stock"], ["MUG", "", "6"], ["CUP", "Cup", "3"])
    answer = await send(shop, file, headers={"X-API-Key": key})
    await work_off(shop)
    run = await seen(shop, answer.json()["id"])
    assert (counts(run), await errors_of(shop, run)) == ((1, 0, 0, 1), [(2, "stock", "forbidden")])
    corrected = await imported(shop, file)
    assert counts(corrected) == (0, 1, 1, 0)
    refused = await shop.guest("POST", f"/imports/{corrected['id']}/undo", headers={"X-API-Key": key})
    assert same_problem(refused, 403, "forbidden")


async def test_stock_that_is_promised_to_orders_cannot_be_counted_away(shop: Shop) -> None:
    mug = await shop.product(sku="MUG", inventoryQuantity=5)
    await shop.product(sku="CUP", inventoryQuantity=5)
    await shop.order((mug, 3))
    run = await imported(shop, sheet(["sku", "stock"], ["MUG", "2"], ["CUP", "2"]))
    assert (counts(run), await errors_of(shop, run)) == ((0, 1, 0, 1), [(2, "stock", "insufficient_stock")])
    run = await imported(shop, sheet(["sku", "stock"], ["MUG", "3"]))
    assert (counts(run), await shop.stock(mug)) == ((0, 1, 0, 0), 0)


async def test_an_undo_archives_what_was_made_and_puts_back_what_was_changed(shop: Shop) -> None:
    mug = await shop.product(
        sku="MUG", name="Mug", inventoryQuantity=5, images=[{"url": "https://images.example.com/a.jpg"}]
    )
    cup = await shop.product(sku="CUP", name="Cup")
    file = sheet(
        ["slug", "sku", "name", "price", "stock", "images", "category", "option:size"],
        [mug["slug"], "MUG", "Tin mug", "12", "9", "https://images.example.com/b.jpg", "Home", "S"],
        [mug["slug"], "MUG-L", "", "15", "4", "", "", "L"],
        ["", "CUP", "Tin cup", "", "", "", "", ""],
        ["", "POT", "Pot", "5", "2", "", "", ""],
    )
    run = await imported(shop, file)
    assert counts(run) == (2, 2, 0, 0)
    await shop.staff("PATCH", f"/products/{cup['id']}", json={"description": "Since then."})
    after = await undone(shop, run)
    assert (after["state"], after["productsUndone"], after["productsKept"]) == ("UNDONE", 2, 1)
    assert (await errors_of(shop, run))[-1] == (None, None, "changed_since")
    assert (await read(shop, "pot"))["status"] == "ARCHIVED"
    assert (await read(shop, cup["id"]))["name"] == "Tin cup"
    back = await read(shop, mug["id"])
    same = ["name", "price", "categoryId", "categoryIds"]
    assert [back[field] for field in same] == [mug[field] for field in same]
    assert [image["url"] for image in back["images"]] == ["https://images.example.com/a.jpg"]
    assert [(one["sku"], one["isActive"]) for one in back["variants"]] == [("MUG", True), ("MUG-L", False)]
    assert (back["variants"][0]["options"], back["variants"][0]["inventoryQuantity"]) == ({}, 5)
    assert same_problem(await shop.staff("POST", f"/imports/{run['id']}/undo"), 409, "import_not_undoable")


async def test_an_undo_takes_back_the_difference_in_stock_and_leaves_what_was_sold(shop: Shop) -> None:
    mug, cup = await shop.product(sku="MUG", inventoryQuantity=5), await shop.product(sku="CUP", inventoryQuantity=0)
    run = await imported(shop, sheet(["sku", "stock"], ["MUG", "9"], ["CUP", "2"]))
    await shop.order((mug, 3))
    await shop.order((cup, 1))
    after = await undone(shop, run)
    assert (after["productsUndone"], after["productsKept"]) == (1, 1)
    assert (await errors_of(shop, run))[-1] == (None, None, "insufficient_stock")
    assert (await shop.stock(mug), await shop.stock(cup)) == (2, 1)


async def test_a_product_changed_in_several_batches_is_again_as_it_was_before_the_first(shop: Shop) -> None:
    sizes = [{"name": size, "sku": f"S-{size}", "options": {"size": size}, "inventoryQuantity": 1} for size in "SML"]
    shirt = await shop.product(name="Shirt", variants=sizes)
    file = sheet(
        ["sku", "name", "price", "stock"], ["S-S", "One", "11", "5"], ["S-M", "Two", "12", "6"], ["S-L", "", "", "7"]
    )
    assert counts(await imported(shop, file, "?dryRun=true", batch_rows=1)) == (0, 3, 0, 0)
    run = await imported(shop, file, batch_rows=1)
    assert (await read(shop, shirt["id"]))["name"] == "Two"
    after = await undone(shop, run)
    assert (after["productsUndone"], after["productsKept"]) == (1, 0)
    back = await read(shop, shirt["id"])
    assert (back["name"], [one["price"] for one in back["variants"]]) == ("Shirt", ["10.00"] * 3)
    assert [one["inventoryQuantity"] for one in back["variants"]] == [1, 1, 1]


async def test_a_cancelled_import_keeps_what_it_did_and_does_no_more(shop: Shop) -> None:
    answer = await send(shop, sheet(_HEADERS, ["", "A", "A", "5", "", ""]))
    cancelled = await shop.staff("DELETE", f"/imports/{answer.json()['id']}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "CANCELLED")
    await work_off(shop)
    assert await _products(shop) == 0
    assert same_problem(await shop.staff("DELETE", f"/imports/{answer.json()['id']}"), 409, "import_ended")
    assert (await undone(shop, answer.json()))["state"] == "UNDONE"


async def test_the_same_key_with_the_same_file_is_one_import_and_with_another_it_is_refused(shop: Shop) -> None:
    file, headers = sheet(_HEADERS, ["", "A", "A", "5", "", ""]), {"Idempotency-Key": "sheet-1"}
    first, again = [await send(shop, file, headers=headers) for _ in range(2)]
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = await send(shop, sheet(_HEADERS, ["", "B", "B", "5", "", ""]), headers=headers)
    assert same_problem(other, 422, "idempotency_key_reused")
    assert await shop.rows("select count(*) from product_import") == [(1,)]
    assert (await shop.staff("GET", "/imports")).json()["total"] == 1


async def test_an_import_says_what_happened(shop: Shop) -> None:
    run = await imported(shop, sheet(_HEADERS, ["", "A", "A", "5", "", ""]), "?name=may.csv")
    await undone(shop, run)
    names = await shop.rows("select name from event where subject_type = 'import' order by sequence")
    assert [name for (name,) in names] == ["import.started", "import.finished", "import.undone"]
    (pair,) = await shop.rows("select count(*), count(distinct subject_id) from event where name = 'product.created'")
    assert pair == (1, 1)


async def test_at_most_twenty_imports_wait(shop: Shop) -> None:
    file = sheet(_HEADERS, ["", "A", "A", "5", "", ""])
    for _ in range(20):
        assert (await send(shop, file)).status_code == 202
    assert same_problem(await send(shop, file), 409, "too_many_imports")
    await work_off(shop)
    assert (await send(shop, file)).status_code == 202


async def test_only_plain_csv_is_taken(shop: Shop) -> None:
    file = sheet(_HEADERS, ["", "A", "A", "5", "", ""])
    for headers in (
        {"Content-Type": "application/json"},
        {"Content-Type": "application/vnd.ms-excel"},
        {"Content-Type": ""},
    ):
        assert same_problem(await send(shop, file, headers=headers), 415, "unsupported_media_type")
    zipped = await send(shop, gzip.compress(file), headers={"Content-Encoding": "gzip"})
    assert same_problem(zipped, 415, "encoding_not_supported")
    assert same_problem(await send(shop, file, "?dryRun=perhaps"), 422, "validation_failed")
    assert same_problem(await send(shop, file, "?unknown=1"), 422, "validation_failed")
