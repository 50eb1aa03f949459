"""Files as they come: of any charset, form and size. None of them is our fault, and none costs much memory."""

import codecs
from collections.abc import AsyncIterator

import psutil
import pytest

from tests.sheets import counts, errors_of, imported, read, send, sheet
from tests.shop import Shop, open_shop, same_problem
from tradepost.app import operating
from tradepost.app.settings import Settings

pytestmark = pytest.mark.anyio

_ROWS = sheet(["sku", "name", "price"], ["A-1", "Käse", "5"], ["A-2", "Brød", "6"])
_MIB = 1 << 20


@pytest.mark.parametrize(
    "file",
    [
        _ROWS,
        codecs.BOM_UTF8 + _ROWS,
        codecs.BOM_UTF16_LE + _ROWS.decode().encode("utf-16-le"),
        codecs.BOM_UTF16_BE + _ROWS.decode().encode("utf-16-be"),
        b"sep=;\r\n" + sheet(["sku", "name", "price"], ["A-1", "Käse", "5"], ["A-2", "Brød", "6"], separator=";"),
        sheet(["sku", "name", "price"], ["A-1", "Käse", "5"], ["A-2", "Brød", "6"], separator="\t"),
        _ROWS.replace(b"\r\n", b"\n"),
        _ROWS.replace(b"\r\n", b"\r"),
        _ROWS.removesuffix(b"\r\n"),
        b"\r\n,,\r\n" + _ROWS.replace(b"\r\n", b"\r\n\r\n,,\r\n"),
    ],
    ids=["utf-8", "bom", "utf-16-le", "utf-16-be", "sep", "tabs", "lf", "cr", "no-end", "blank-lines"],
)
async def test_a_file_is_read_however_a_spreadsheet_program_writes_it(shop: Shop, file: bytes) -> None:
    assert counts(await imported(shop, file)) == (2, 0, 0, 0)
    names = [name for (name,) in await shop.rows("select name from product order by id")]
    assert names == ["Käse", "Brød"]


async def test_another_charset_is_told_with_the_line_and_nothing_is_written(shop: Shop) -> None:
    for file, line in [
        (_ROWS.decode().encode("latin-1"), 2),
        (b"sku,name\r\n" + b"A,ok\r\n" * 100_000 + "B,Käse\r\n".encode("cp1252"), 100_002),
        (codecs.BOM_UTF16_LE + b"s\x00k\x00u", 1),
        (b"sku,name\r\nA,\xf0\x9f", 2),
    ]:
        answer = await send(shop, file)
        assert same_problem(answer, 422, "wrong_charset", f"/lines/{line}")
    assert await shop.rows("select count(*) from product_import_chunk") == [(0,)]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"", "header_missing"),
        (b"\r\n\r\n", "header_missing"),
        (b"A-1,Mug,5\r\nA-2,Cup,6\r\n", "header_missing"),
        (b"name,price\r\nMug,5\r\n", "header_missing"),
        (b"\x00" * 5000, "header_missing"),
        (b'"sku,name\r\nA-1,Mug\r\n', "header_missing"),
        (b"x" * (2 * _MIB), "header_missing"),
        (b"sku" + b",c" * 1_000_000 + b"\r\nA-1\r\n", "header_missing"),
        (b"sku" + b",c" * 1000 + b"\r\nA-1\r\n", "too_many_columns"),
        (b"sku,SKU\r\nA-1,A-1\r\n", "repeated_column"),
        (b"PK\x03\x04" + bytes(range(1, 128)), "header_missing"),
    ],
    ids=[
        "empty",
        "blank",
        "no-header",
        "no-sku",
        "nuls",
        "open-quote",
        "one-line",
        "million",
        "thousand",
        "twice",
        "zip",
    ],
)
async def test_what_is_no_table_of_products_is_refused_at_once(shop: Shop, file: bytes, code: str) -> None:
    answer = await send(shop, file)
    assert same_problem(answer, 422, "spreadsheet_unusable")
    assert code in [error["code"] for error in answer.json()["errors"]]
    assert await shop.rows("select count(*) from product_import") == [(0,)]


async def test_a_row_that_is_none_is_told_and_the_others_are_imported(shop: Shop) -> None:
    file = (
        b"sku,name,price\r\n"
        b"A-1,Mug,5\r\n"
        b'A-2,"Cup"s,6\r\n'
        b"A-3,Pot\x00,6\r\n"
        b"A-4,Pan,6,7,8\r\n"
        b"A-5" + b"," * 1_000_000 + b"x\r\n"
        b"A-6,Lid,6,,\r\n"
        b"A-7\r\n"
        b'A-8,"Two\r\nlines",6\r\n'
    )
    run = await imported(shop, file)
    assert counts(run) == (3, 0, 0, 5)
    assert await errors_of(shop, run) == [
        (3, None, "malformed_row"),
        (4, "name", "invalid_character"),
        (5, None, "too_many_cells"),
        (6, None, "too_many_cells"),
        (8, "name", "required"),
    ]
    assert (await read(shop, "two-lines"))["name"] == "Two\r\nlines"


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        (b'A-3,"never closed\r\nA-4,Cup,5\r\n', "quote_never_ends"),
        (b'A-3,"' + b"x,\r\n" * 100_000, "quote_never_ends"),
        (b"A-3," + b"x" * (3 * _MIB), "record_too_long"),
        (b'A-3,"' + b"x" * (3 * _MIB) + b'",5\r\n', "record_too_long"),
    ],
    ids=["quote", "long-quote", "line", "cell"],
)
async def test_where_a_file_makes_no_sense_any_more_the_import_ends_and_says_where(
    shop: Shop, tail: bytes, code: str
) -> None:
    run = await imported(shop, _ROWS + tail)
    assert (run["state"], counts(run)) == ("FAILED", (2, 0, 0, 0))
    assert (run["failure"]["code"], run["failure"]["line"]) == (code, 4)
    assert await shop.rows("select name from event where subject_type = 'import' order by sequence") == [
        ("import.started",),
        ("import.failed",),
    ]


async def test_a_file_over_the_limit_is_refused_without_being_kept_and_json_keeps_its_own(database_url: str) -> None:
    async with open_shop(database_url, Settings(unsafe_database=True, sweep_seconds=0, import_mib=2)) as shop:

        async def endless() -> AsyncIterator[bytes]:
            yield _ROWS
            while True:
                yield b"A-3,Mug,5\r\n" * 10_000

        assert same_problem(await send(shop, endless()), 413, "file_too_large")
        assert same_problem(await send(shop, b"x" * (3 * _MIB)), 413, "file_too_large")
        assert await shop.rows("select count(*) from product_import_chunk") == [(0,)]
        assert (await send(shop, _ROWS + b"A-3,Mug,5\r\n" * 150_000)).status_code == 202
        long = await shop.staff("POST", "/products", json={"name": "x" * (2 * _MIB)})
        assert same_problem(long, 413, "body_too_large")


async def test_a_large_file_takes_no_more_memory_than_a_small_one(shop: Shop) -> None:
    async def long(mib: int) -> AsyncIterator[bytes]:
        yield b"sku,name\r\n"
        for _ in range(mib):
            yield b"A," + b"x" * (_MIB - 4) + b"\r\n"

    await send(shop, long(2), "?dryRun=true")
    before = psutil.Process().memory_info().rss
    assert (await send(shop, long(100), "?dryRun=true")).status_code == 202
    assert psutil.Process().memory_info().rss - before < 40 * _MIB


async def test_text_of_a_file_is_text_whatever_it_looks_like(shop: Shop) -> None:
    """D09, D15: nothing of a cell is a statement, a pattern or a template."""
    odd = ["'; drop table product; --", "100%_\\", "{{7*7}}${1}", "$1 %(sku)s %s", "Ünïcode 漢字 🫖", "a\\|b > c"]
    rows = [[f"SKU-{at}", text, text, text] for at, text in enumerate(odd)]
    assert counts(await imported(shop, sheet(["sku", "name", "description", "seoTitle"], *rows))) == (6, 0, 0, 0)
    kept = await shop.rows("select name, description, seo_title from product order by id")
    assert kept == [(text, text, text) for text in odd]


async def test_a_file_that_nobody_goes_on_sending_is_forgotten(shop: Shop) -> None:
    assert (await send(shop, _ROWS)).status_code == 202
    await shop.change(
        "update product_import set state = 'UPLOADING', updated_at = now() - interval '2 hours', layout = null"
    )
    await operating.tidy(shop.url)
    assert await shop.rows("select count(*) from product_import") == [(0,)]
    assert await shop.rows("select count(*) from product_import_chunk") == [(0,)]
