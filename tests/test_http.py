import asyncio
import json

import httpx2
import pytest

from tests.shop import ADDRESS, Shop, open_shop, same_problem
from tradepost.app.settings import Settings

pytestmark = pytest.mark.anyio
JSON = {"Content-Type": "application/json"}


async def _post(shop: Shop, content: bytes, **headers: str) -> httpx2.Response:
    return await shop.guest("POST", "/orders", content=content, headers=JSON | headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,",
        b"nul",
        b'{"a":1}{"b":2}',
        b'{"email":"\xff"}',
        b'{"email":"\xed\xa0\x80"}',
        b"\x00",
        b'{"email":"\\ud800"}',
    ],
)
async def test_what_is_no_json_is_malformed(shop: Shop, body: bytes) -> None:
    """D03."""
    assert same_problem(await _post(shop, body), 400, "malformed_json")


async def test_a_member_given_twice_is_malformed(shop: Shop) -> None:
    mug = await shop.product()
    item = f'{{"productId":"{mug["id"]}","quantity":1,"quantity":2}}'.encode()
    assert same_problem(await _post(shop, b'{"email":"a@example.com","items":[' + item + b"]}"), 400, "malformed_json")


async def test_a_body_nested_without_end_is_malformed(shop: Shop) -> None:
    answer = await _post(shop, b'{"items":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    assert answer.status_code in (400, 422)


async def test_a_body_over_a_mebibyte_is_refused(shop: Shop) -> None:
    """A18."""
    assert same_problem(await _post(shop, b'"' + b"a" * (1 << 20) + b'"'), 413, "body_too_large")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip"])
async def test_a_compressed_body_is_refused(shop: Shop, encoding: str) -> None:
    """D04."""
    answer = await shop.guest("POST", "/orders", content=b"x", headers=JSON | {"Content-Encoding": encoding})
    assert same_problem(answer, 415, "encoding_not_supported")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "x"]
)
async def test_a_body_that_is_not_json_is_refused(shop: Shop, kind: str) -> None:
    answer = await shop.guest("POST", "/orders", content=b"{}", headers={"Content-Type": kind})
    assert same_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("character", ["\u0000", "\u0007", "\u202e", "\u200b", "\u2066"])
async def test_invisible_characters_are_pointed_at(shop: Shop, character: str) -> None:
    """D02, D03."""
    mug = await shop.product()
    answer = await shop.order((mug, 1), notes=f"a{character}b")
    assert same_problem(answer, 422, "invalid_character", "/notes")
    assert await shop.stock(mug) == 10


@pytest.mark.parametrize(
    "number", ["4242424242424242", "4242 4242 4242 4242", "5555-5555-5555-4444", "378282246310005"]
)
async def test_the_number_of_a_card_gets_in_nowhere(shop: Shop, number: str) -> None:
    """B19: not into notes, names or addresses, and not out again in the answer."""
    mug = await shop.product()
    for body, pointer in [
        ({"notes": f"my card is {number}, thanks"}, "/notes"),
        ({"shippingAddress": ADDRESS | {"line2": number}}, "/shippingAddress/line2"),
    ]:
        refused = await shop.order((mug, 1), **body)
        assert same_problem(refused, 422, "card_data_not_allowed", pointer)
        assert number not in refused.text
    assert await shop.rows("select count(*) from sales_order") == [(0,)]


@pytest.mark.parametrize("number", ["4242424242424241", "1234567890123456", "+44 20 7946 0018", "42", "TP-4242424242"])
async def test_other_numbers_are_welcome(shop: Shop, number: str) -> None:
    mug = await shop.product()
    assert (await shop.order((mug, 1), notes=f"Call {number}")).status_code == 201


async def test_text_of_any_language_is_welcome(shop: Shop) -> None:
    mug = await shop.product(name="Tasse à café ☕ 杯子 كوب")
    order = (await shop.order((mug, 1), notes="Zoë\nفي الصباح 🙂")).json()
    assert order["items"][0]["name"] == "Tasse à café ☕ 杯子 كوب"
    assert order["notes"] == "Zoë\nفي الصباح 🙂"


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/", "/api/v1/orders/x/y/z", "/admin", "/api/v1/orders/%2e%2e/products"]
)
async def test_there_is_nothing_elsewhere(shop: Shop, path: str) -> None:
    assert same_problem(await shop.client.get(path), 404, "not_found")


@pytest.mark.parametrize("text", ["x", "0" * 36, "00000000-0000-0000-0000-00000000000g", "' or 1=1 --", "%F0%9F%99%82"])
async def test_an_id_that_is_none_is_not_found(shop: Shop, text: str) -> None:
    assert same_problem(await shop.staff("GET", f"/orders/{text}"), 404, "not_found")


async def test_a_path_with_a_nul_is_refused(shop: Shop) -> None:
    """D02."""
    assert same_problem(await shop.client.get("/api/v1/products/a%00b"), 422, "invalid_character")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "BREW"])
async def test_a_method_that_is_not_there_is_405_with_allow(shop: Shop, method: str) -> None:
    """D17."""
    answer = await shop.client.request(method, "/api/v1/orders")
    assert same_problem(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/html, application/*;q=0.8", 200),
        ("application/problem+json, application/json", 200),
        ("text/html", 406),
        ("application/xml;q=0.9, image/*", 406),
        ("application/json;q=0", 406),
    ],
)
async def test_who_takes_no_json_is_told(shop: Shop, accept: str, status: int) -> None:
    """D17."""
    answer = await shop.guest("GET", "/products", headers={"Accept": accept})
    assert answer.status_code == status
    assert status == 200 or same_problem(answer, 406, "not_acceptable")


async def test_options_tells_what_may_be_done(shop: Shop) -> None:
    answer = await shop.client.options("/api/v1/products")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, OPTIONS, POST")


async def test_head_is_get_without_a_body(shop: Shop) -> None:
    mug = await shop.product()
    head, get = [await shop.client.request(method, f"/api/v1/products/{mug['slug']}") for method in ("HEAD", "GET")]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == get.headers["etag"]


@pytest.mark.parametrize("host", ["evil\r\nx", "a b", "x/y", "ex ample", "host:port", "@evil"])
async def test_a_host_that_is_none_is_refused(shop: Shop, host: str) -> None:
    """D26."""
    answer = await shop.client.get("/api/v1/products", headers={b"Host": host.encode()})
    assert same_problem(answer, 400, "invalid_host")


async def test_only_the_hosts_of_the_setting_are_answered(database_url: str) -> None:
    async with open_shop(database_url, Settings(unsafe_database=True, hosts="shop.example")) as shop:
        good = await shop.client.get("/health/live", headers={"Host": "shop.example:8000"})
        assert good.status_code == 200
        assert same_problem(await shop.client.get("/health/live"), 400, "invalid_host")


async def test_a_request_id_is_taken_or_made(shop: Shop) -> None:
    taken = await shop.client.get("/health/live", headers={"X-Request-Id": "abcdefgh-1"})
    assert taken.headers["x-request-id"] == "abcdefgh-1"
    for bad in (b"short", b"a" * 65, b"has space", "ünicode".encode("latin-1")):
        made = await shop.client.get("/nothing", headers={b"X-Request-Id": bad})
        assert made.headers["x-request-id"] == made.json()["requestId"] != bad.decode("latin-1")


async def test_every_answer_has_the_security_headers(shop: Shop) -> None:
    for path in ("/health/live", "/api/v1/products", "/nothing", "/docs"):
        headers = (await shop.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_personal_answers_are_kept_by_nobody(shop: Shop) -> None:
    mug = await shop.product()
    order = await shop.order((mug, 1))
    assert order.headers["cache-control"] == "no-store"
    assert (await shop.staff("GET", f"/orders/{order.json()['id']}")).headers["cache-control"] == "no-store"
    assert "no-store" not in (await shop.guest("GET", f"/products/{mug['slug']}")).headers["cache-control"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
        {"X-API-Key": "x" * 9000},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
    ],
)
async def test_a_bad_key_is_not_a_guest(shop: Shop, headers: dict[str, str]) -> None:
    """C27."""
    answer = await shop.guest("GET", "/products", headers=headers)
    assert same_problem(answer, 401, "invalid_credentials")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_in_the_query_is_never_accepted(shop: Shop) -> None:
    """C27."""
    for name in ("api_key", "X-API-Key", "key", "access_token"):
        answer = await shop.guest("GET", "/orders", params={name: shop.key})
        assert answer.status_code == 401
        assert (await shop.guest("GET", "/products", params={name: shop.key})).status_code == 422


async def test_a_key_works_as_bearer_too_and_not_after_it_was_revoked(shop: Shop) -> None:
    """C27: hashed at rest, shown once, last use shown, gone within two seconds."""
    made = (await shop.staff("POST", "/api-keys", json={"name": "n", "scopes": ["orders:read"]})).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert (await shop.guest("GET", "/orders", headers=headers)).status_code == 200
    listed = (await shop.staff("GET", "/api-keys")).json()["items"]
    assert made["secret"] not in json.dumps(listed)
    assert next(key for key in listed if key["name"] == "n")["lastUsedAt"] is not None
    stored = await shop.rows("select string_agg(api_key::text, ' ') from api_key")
    assert made["secret"] not in stored[0][0]
    assert (await shop.staff("DELETE", f"/api-keys/{made['key']['id']}")).status_code == 204
    await asyncio.sleep(1.2)
    assert same_problem(await shop.guest("GET", "/orders", headers=headers), 401, "invalid_credentials")


async def test_nobody_gives_a_key_what_he_does_not_have(shop: Shop) -> None:
    """C19."""
    made = await shop.staff("POST", "/api-keys", json={"name": "keys", "scopes": ["keys:write"]})
    weak = {"X-API-Key": made.json()["secret"]}
    for scope in ("*", "orders:read"):
        answer = await shop.guest("POST", "/api-keys", json={"name": "x", "scopes": [scope]}, headers=weak)
        assert same_problem(answer, 403, "privilege_escalation")


async def test_the_documentation_works_without_a_network(shop: Shop) -> None:
    page = await shop.client.get("/docs")
    assert "https://" not in page.text
    for file in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert (await shop.client.get(f"/docs/{file}")).status_code == 200
    document = (await shop.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert (await shop.client.get("/openapi.yaml")).status_code == 200


async def test_health_and_metrics(shop: Shop) -> None:
    assert (await shop.client.get("/health/live")).json() == {"status": "ok"}
    ready = await shop.client.get("/health/ready")
    assert ready.json() == {"status": "ok", "checks": {"database": "ok", "migrations": "ok"}}
    metrics = (await shop.client.get("/metrics")).text
    for name in ("tradepost_requests_total", "tradepost_desk_batch_size", "tradepost_db_statements_total"):
        assert name in metrics
