"""The commands, as an operator types them."""

import asyncio
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from tests.server import PATIENCE, Server, environment, scratch_folder, serving, tradepost, wait_until
from tests.shop import ADDRESS, Shop
from tests.till import open_till
from tradepost.app import demo
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio

_TABLES = {
    "products": "select slug, name, status, is_featured from product",
    "variants": "select sku, name, price, weight, options::text from product_variant",
    "stock": "select sku, on_hand from stock_level join product_variant on product_variant.id = variant_id",
    "customers": "select email, first_name, last_name from account",
}


def on(url: str, **settings: Any) -> dict[str, Any]:
    """Settings for a command on one of the tests' databases, which may be of the fast kind that forgets."""
    return {"database_url": url, "unsafe_database": True} | settings


def _seed(url: str, *, products: int = 0, customers: int = 0, orders: int = 0) -> None:
    asyncio.run(demo.seed(url, demo.Size(products=products, customers=customers, orders=orders)))


def _rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return sorted(connection.execute(statement.encode()).fetchall())


def _refused(done: subprocess.CompletedProcess[str], *words: str) -> bool:
    """Whether a command ended with status 1 and one clear message that has these words."""
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stdout.strip() == ""
    assert "Traceback" not in done.stderr, done.stderr[-300:]
    assert done.stderr.startswith("tradepost: "), done.stderr
    assert [word for word in words if word not in done.stderr] == [], done.stderr
    return True


# The proof and the check


@pytest.mark.embedded
@pytest.mark.xdist_group("faults")
def test_the_proof_sells_exactly_the_stock_on_a_server_of_its_own() -> None:
    done = tradepost("prove-stock", "--buyers", "60", "--units", "5", "--processes", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    told = dict(re.findall(r"^  ([a-z ]+?) +(\d+)\b", done.stdout, re.MULTILINE))
    assert told == {
        "units": "5",
        "sold": "5",
        "orders on record": "5",
        "units left": "0",
        "buyers refused": "55",
        "other answers": "0",
        "duplicate orders": "0",
    }
    assert "Exactly 5 of 5 units were sold." in done.stdout


def test_the_proof_runs_on_a_server_that_is_there_and_needs_its_key(database_url: str) -> None:
    with serving(**on(database_url)) as server:
        _seed(database_url, products=1)
        race = ("prove-stock", "--buyers=10", "--units=20", "--processes=1", f"--url={server.url}")
        done = tradepost(*race, f"--key={server.key('products:write', 'orders:read')}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Exactly 10 of 20 units were sold." in done.stdout
        assert _refused(tradepost(*race), "--key")
        assert _refused(tradepost(*race, "--key=wrong"), "401")


def test_a_falsified_level_is_found_and_named(database_url: str) -> None:
    _seed(database_url, products=5, orders=20)
    good = tradepost("verify", **on(database_url))
    assert (good.returncode, "BROKEN" in good.stdout) == (0, False)
    assert "Everything adds up" in good.stdout
    with psycopg.connect(database_url) as connection:
        named = connection.execute(
            """
            update stock_level set on_hand = on_hand + 1
            where variant_id = (select id from product_variant where sku = 'DEMO-MUG')
            returning variant_id::text, location_id::text, on_hand::text
            """
        ).fetchone()
    bad = tradepost("verify", **on(database_url))
    assert bad.returncode == 1
    assert named is not None
    (row,) = [line for line in bad.stdout.splitlines() if named[0] in line]
    assert set(named) <= set(row.replace("│", " ").split())
    assert _broken(bad.stdout) == ["I1"]
    assert "Something does not add up" in bad.stdout


@pytest.mark.parametrize(
    ("falsify", "invariant"),
    [
        ("update sales_order set subtotal = subtotal + 1, total_amount = total_amount + 1", "I10"),
        ("update order_line set tax_amount = tax_amount + 1, total_amount = total_amount + 1", "I10"),
        ("update order_tax set amount = amount + 1", "I10"),
        ("update order_counter set value = value + 1", "I3"),
        ("update idempotency_answer set body = replace(convert_from(body, 'UTF8'), '21.6', '1.6')::bytea", "I3"),
        ("delete from order_line where position = 0", "I10"),
        ("delete from event where name = 'order.placed'", "I12"),
        ("delete from event where name = 'product.created'", "I12"),
        ("update event set sequence = sequence + 1 where name = 'order.placed'", "I7"),
        ("update event set actor_kind = ''", "I12"),
        ("update stock_movement set reserved_change = reserved_change + 1 where order_id is not null", "I1"),
        ("delete from stock_movement where kind = 'opening'", "I1"),
        ("update address set is_default = false", "I16"),
        ("update sales_order set status = 'SHIPPED'", "I11"),
        ("update payment set status = 'DECLINED' where status = 'CAPTURED'", "I4"),
        ("update payment_entry set amount = amount + 1 where kind = 'capture'", "I4"),
        ("update payment_entry set amount = 10000 where kind = 'refund'", "I5"),
        ("update payment_entry set kind = 'refund_undone' where kind = 'refund'", "I5"),
    ],
)
async def test_every_kind_of_falsified_row_is_found(
    shop: Shop, capsys: pytest.CaptureFixture[str], falsify: str, invariant: str
) -> None:
    mug = await shop.product()
    assert (await shop.order((mug, 2), headers={"Idempotency-Key": "one"})).status_code == 201
    await _customer_with_an_address(shop)
    await _paid_twice_and_given_back(shop)
    assert verify(shop.url)
    with psycopg.connect(shop.url) as connection:
        assert connection.execute(falsify.encode()).rowcount > 0
    capsys.readouterr()
    assert not verify(shop.url)
    assert invariant in _broken(capsys.readouterr().out)


@pytest.mark.parametrize("late", ["never", "six minutes later", "a part of it"])
async def test_money_kept_without_an_order_is_found(shop: Shop, capsys: pytest.CaptureFixture[str], late: str) -> None:
    """A refund counts where it was asked for in time; while the five minutes last, nothing is wrong yet."""
    async with open_till(shop) as till:
        order = await till.order()
        await till.pay(order)
        cancelled = await shop.staff("POST", f"/orders/{order.id}/cancel", json={})
        assert cancelled.status_code == 200, cancelled.text
        await till.sweep_all()
    plant = {
        "never": "delete from payment_operation where kind = 'refund'",
        "six minutes later": "update payment_operation set created_at = now() where kind = 'refund'",
        "a part of it": "update payment_operation set amount = amount - 1 where kind = 'refund'",
    }
    await shop.change("delete from payment_entry where kind = 'refund'")
    await shop.change(plant[late])
    assert verify(shop.url)
    six_minutes_ago = "now() - interval '6 minutes'"
    await shop.change(f"update payment_entry set created_at = {six_minutes_ago}")  # noqa: S608 - a test's own words
    assert verify(shop.url)
    await shop.change(f"update sales_order set cancelled_at = {six_minutes_ago}")  # noqa: S608
    capsys.readouterr()
    assert not verify(shop.url)
    assert _broken(capsys.readouterr().out) == ["I15"]


async def test_two_live_payments_of_an_order_are_found(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await _paid_twice_and_given_back(shop)
    await shop.change("drop index payment_one_live")
    await shop.change("update payment set status = 'PENDING'")
    assert not verify(shop.url)
    assert re.search(r"BROKEN I4 +an order has at most one payment", capsys.readouterr().out)


async def _customer_with_an_address(shop: Shop) -> None:
    made = await shop.staff("POST", "/customers", json={"email": "a@example.com", "firstName": "A", "lastName": "B"})
    path = f"/customers/{made.json()['id']}/addresses"
    assert (await shop.staff("POST", path, json=ADDRESS | {"type": "SHIPPING"})).status_code == 201


async def _paid_twice_and_given_back(shop: Shop) -> None:
    async with open_till(shop) as till:
        order = await till.order()
        await till.pay(order, amount=1000)
        await till.pay(order, amount=1000)
        (refund,) = await till.refund(order, 500)
        await till.finish(refund)


def _broken(printed: str) -> list[str]:
    return [line.split()[1] for line in printed.splitlines() if line.startswith("BROKEN")]


async def test_the_books_of_a_provider_are_compared_with_ours(shop: Shop) -> None:
    demo_shop = on(shop.url, payments="manual,fake")
    async with open_till(shop) as till:
        order = await till.order()
        await till.pay(order)
        good = await asyncio.to_thread(tradepost, "reconcile", **demo_shop)
        assert (good.returncode, good.stdout) == (0, "fake: both say the same\n"), good.stderr
        lost = await till.begin(await till.order())
        await till.carry_out(lost)
        await shop.change("delete from payment_entry")
        bad = await asyncio.to_thread(tradepost, "reconcile", **demo_shop)
        assert bad.returncode == 1
        first, second = [line for line in bad.stdout.splitlines() if "fake_intent" in line]
        assert ("charged, no order" in first, str(lost.payment.order_id) in first) == (True, True)
        assert ("taken, not recorded" in second, "21.60 USD" in second) == (True, True)


def test_a_provider_that_does_not_answer_does_not_agree(database_url: str) -> None:
    stripe = {"payments": "stripe", "stripe_secret_key": "sk_test_1", "stripe_url": "http://127.0.0.1:1"}
    done = tradepost("reconcile", **on(database_url, **stripe))
    assert (done.returncode, "Stripe did not answer" in done.stdout) == (1, True)
    assert "sk_test_1" not in done.stdout + done.stderr


# Keys, the seed and the schema


def test_a_new_key_alone_is_on_standard_output_and_works_beside_a_running_server(database_url: str) -> None:
    with serving(**on(database_url)) as server:
        _seed(database_url, products=1, orders=1)
        made = server.run("keys", "create", "--name", "warehouse", "--scope", "orders:read")
        assert made.returncode == 0
        assert re.fullmatch(r"\S{20,}\n", made.stdout)
        staff = {"X-API-Key": made.stdout.strip()}
        assert server.get("/api/v1/orders", headers=staff).json()["total"] == 1
        assert server.get("/api/v1/customers", headers=staff).status_code == 403
        assert made.stdout.strip() not in server.log


@pytest.mark.embedded
def test_commands_work_beside_a_server_on_its_embedded_database_and_leave_it_running() -> None:
    with serving() as server:
        assert server.run("seed", "--products=1", "--customers=0", "--orders=1").returncode == 0
        staff = {"X-API-Key": server.key("orders:read")}
        assert server.get("/api/v1/orders", headers=staff).json()["total"] == 1
        postmaster = server.postmaster()
        assert postmaster is not None
        assert server.stop() == 0
        wait_until(lambda: server.postmaster() is None, "the last one stopped PostgreSQL")
        again = server.run("verify")
        assert again.returncode == 0, again.stderr


def test_a_key_needs_a_store_and_a_name_and_a_scope(database_url: str) -> None:
    assert _refused(tradepost("keys", "create", "--name=x", "--scope=*", **on(database_url)), "tradepost seed")
    _seed(database_url, products=1)
    nowhere = tradepost("keys", "create", "--name=x", "--scope=*", "--store=moon", **on(database_url))
    assert _refused(nowhere, "moon")
    without = tradepost("keys", "create", "--name=x", **on(database_url))
    assert (without.returncode, "--scope" in without.stderr, without.stdout) == (2, True, "")


def test_a_scope_that_is_none_is_refused(database_url: str) -> None:
    _seed(database_url, products=1)
    assert _refused(tradepost("keys", "create", "--name=x", "--scope=Everything!", **on(database_url)), "Everything!")


def test_the_seed_makes_the_same_shop_everywhere_and_only_once(database_url: str, empty_database_url: str) -> None:
    size = ("seed", "--products=40", "--customers=10", "--orders=15")
    for url in (database_url, empty_database_url):
        done = tradepost(*size, **on(url))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "40 products, 10 customers and 15 orders are there.\n"
    for what, statement in _TABLES.items():
        assert _rows(database_url, statement) == _rows(empty_database_url, statement), what
    totals = "select order_number, total_amount, email from sales_order"
    assert _rows(database_url, totals) == _rows(empty_database_url, totals)
    before = {what: _rows(database_url, statement) for what, statement in _TABLES.items()}
    assert tradepost(*size, **on(database_url)).stdout == "40 products, 10 customers and 15 orders are there.\n"
    assert {what: _rows(database_url, statement) for what, statement in _TABLES.items()} == before


def test_the_migrations_run_once(empty_database_url: str) -> None:
    first, second = (tradepost("migrate", **on(empty_database_url)) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.startswith("ran ")
    assert second.stdout == "The database is up to date.\n"


# What is wrong is said clearly


def test_a_port_that_is_taken_is_named_before_anything_is_started(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, scratch_folder() as folder:
        port = taken.getsockname()[1]
        refused = tradepost("serve", data_dir=folder / "data", port=port)
        assert _refused(refused, f"port {port} is taken: set TRADEPOST_PORT")
        assert not (folder / "data").exists()
        elsewhere = tradepost("serve", data_dir=folder / "data", host="192.0.2.1")
        assert _refused(elsewhere, "192.0.2.1", "TRADEPOST_PORT")


def test_a_second_server_does_not_take_the_port_of_the_first(database_url: str) -> None:
    with serving(**on(database_url)) as server:
        second = tradepost("serve", **on(database_url, port=server.port))
        assert _refused(second, f"port {server.port} is taken: set TRADEPOST_PORT")
        assert server.get("/health/live").status_code == 200


def test_all_bad_settings_are_told_at_once() -> None:
    bad = {
        "port": "99999",
        "workers": "many",
        "pool_size": "1",
        "batch_size": "0",
        "turn_wait_seconds": "-1",
        "require_idempotency_key": "perhaps",
        "log_level": "loud",
        "prot": "8000",
        "database_url_file": "/nowhere/at/all",
    }
    for command in ("serve", "migrate"):
        assert _refused(tradepost(command, **bad), *(f"TRADEPOST_{name.upper()}" for name in bad))


def test_a_setting_may_be_in_a_file(database_url: str, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(f"{database_url}\n")
    done = tradepost("migrate", database_url_file=secret, unsafe_database=True)
    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n")


def test_a_setting_that_is_given_twice_is_refused(database_url: str, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("host=/nowhere")
    both = tradepost("migrate", **on(database_url), database_url_file=secret)
    assert _refused(both, "TRADEPOST_DATABASE_URL", "TRADEPOST_DATABASE_URL_FILE")


def test_a_file_that_is_no_text_is_a_bad_setting_and_no_traceback(tmp_path: Path) -> None:
    binary = tmp_path / "url"
    binary.write_bytes(b"\xff\xfe\x00")
    assert _refused(tradepost("migrate", database_url_file=binary), "TRADEPOST_DATABASE_URL_FILE")
    assert _refused(tradepost("migrate", database_url_file=tmp_path), "TRADEPOST_DATABASE_URL_FILE")


@pytest.mark.embedded
@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["keys", "create", "--name=x", "--scope=*"]])
def test_a_database_that_may_forget_orders_is_refused(database_url: str, command: list[str]) -> None:
    """The tests' own server has fsync off."""
    assert _refused(tradepost(*command, database_url=database_url), "fsync is off", "TRADEPOST_UNSAFE_DATABASE=1")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/nothing",
        "postgresql://nobody@127.0.0.1:notaport/x",
        "host=/nowhere dbname=x",
        "mysql://root@localhost/shop",
        "nonsense",
        "postgresql://u:s3cr3t@nowhere.invalid/x",
    ],
)
def test_a_wrong_database_url_is_said_helpfully(url: str) -> None:
    refused = tradepost("migrate", database_url=url)
    assert _refused(refused, "TRADEPOST_DATABASE_URL")
    assert "s3cr3t" not in refused.stderr


@pytest.mark.parametrize("where", ["below a file", "/proc/nowhere", "/dev/null/x", "a file"])
def test_a_data_folder_that_cannot_be_written_is_said_without_a_traceback(where: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    folder = {"below a file": str(file / "data"), "a file": str(file)}.get(where, where)
    assert _refused(tradepost("migrate", data_dir=folder), folder, "TRADEPOST_DATA_DIR")


@pytest.mark.embedded
def test_a_data_folder_of_another_postgresql_is_said_without_a_traceback() -> None:
    """A folder that is no database of ours, or of another version, stays as it is."""
    with scratch_folder() as folder:
        data = folder / "data" / "postgres"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("12\n")
        assert _refused(tradepost("migrate", data_dir=folder / "data"), str(data), "12")
        assert [file.name for file in data.iterdir() if not file.name.startswith(".")] == ["PG_VERSION"]


# Doctor and demo


def test_the_doctor_says_what_is_set_and_what_is_wrong(database_url: str, empty_database_url: str) -> None:
    secrets = {"stripe_secret_key": "sk_test_hidden", "stripe_webhook_secrets": "whsec_hidden"}
    well = tradepost("doctor", **on(database_url, workers=3, **secrets))
    assert "hidden" not in well.stdout
    assert (well.returncode, "FAIL" in well.stdout) == (0, False), well.stdout
    assert re.search(r"TRADEPOST_WORKERS\W+3\W+environment", well.stdout)
    assert re.search(r"TRADEPOST_PORT\W+8000\W+default", well.stdout)
    assert database_url not in well.stdout
    assert "hint Mail: there is no server" in well.stdout
    ill: list[tuple[dict[str, Any], str]] = [
        (on(empty_database_url), "FAIL Migrations: 0001"),
        ({"database_url": "host=/nowhere dbname=x"}, "FAIL PostgreSQL"),
        (on(database_url, mail_url="smtp://127.0.0.1:1"), "FAIL Mail: SMTPConnectError"),
        ({"port": "0", "workers": "x"}, "TRADEPOST_WORKERS"),
        ({"payments": "stripe"}, "TRADEPOST_STRIPE_SECRET_KEY"),
        ({"payments": "manual,barter"}, "'barter' is none of manual, stripe, fake"),
    ]
    for settings, said in ill:
        found = tradepost("doctor", **settings)
        assert found.returncode == 1, said
        assert said in found.stdout
        assert "Traceback" not in found.stdout + found.stderr


@pytest.mark.embedded
def test_the_doctor_does_not_call_a_forgetful_database_healthy(database_url: str) -> None:
    found = tradepost("doctor", database_url=database_url)
    assert found.returncode == 1
    assert "FAIL" in found.stdout
    assert "fsync is off" in found.stdout


def test_the_commands_that_the_demo_prints_work_as_printed(database_url: str) -> None:
    with serving("--demo", **on(database_url)) as server:
        commands = [line.strip() for line in server.log.splitlines() if line.startswith("  curl ")]
        assert len(commands) == 2
        products, order = (_in_bash(command, server) for command in commands)
        assert '"items":[{' in products
        assert '"orderNumber":"TP-1201"' in order
        assert '"DEMO-MUG"' in order
        again = _in_bash(commands[1], server)
        assert again == order
        key = re.search(r"Staff API key +(\S+)", server.log)
        assert key is not None
        assert server.get("/api/v1/orders", headers={"X-API-Key": key[1]}).json()["total"] == 201
        assert f"{server.port}/docs" in server.log
        assert server.get("/docs").status_code == 200


def test_the_people_that_the_demo_prints_can_sign_in(database_url: str) -> None:
    with serving("--demo", **on(database_url)) as server:
        people = re.findall(r"(\w+) +(\w+@example\.com) +(\w+)", server.log)
        assert [who for who, _, _ in people] == ["Administrator", "Support", "Warehouse", "Customer"]
        tokens = [_signed_in(server, email, password) for _, email, password in people]
        bearer = {"Authorization": f"Bearer {tokens[-1]}"}
        addresses = server.get("/api/v1/addresses", headers=bearer).json()["items"]
        assert sorted((one["type"], one["isDefault"]) for one in addresses) == [("BILLING", True), ("SHIPPING", True)]


def _signed_in(server: Server, email: str, password: str) -> str:
    body = {"email": email, "password": password, "tokens": "body"}
    answer = httpx2.post(f"{server.url}/api/v1/auth/login", json=body, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.json()["accessToken"]


def _in_bash(command: str, server: Server) -> str:
    assert f"localhost:{server.port}/" in command
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_opens_the_same_shop_again_with_the_same_key(database_url: str) -> None:
    keys = []
    for _ in range(2):
        with serving("--demo", **on(database_url)) as server:
            found = re.search(r"Staff API key +(\S+)", server.log)
            assert found is not None
            keys.append(found[1])
            answer = httpx2.get(f"{server.url}/api/v1/orders", headers={"X-API-Key": keys[0]}, timeout=PATIENCE)
            assert answer.json()["total"] == 200
    assert keys[0] == keys[1]


def test_help_and_version_need_no_database() -> None:
    for arguments in (["--help"], ["--version"], ["serve", "--help"], ["openapi"]):
        done = tradepost(*arguments, database_url="host=/nowhere")
        assert done.returncode == 0, done.stderr
        assert done.stdout
    assert tradepost("sreve").returncode == 2
