"""Every operation by everybody who may come: the answer is the one that the table of rights gives.

An operation that is new is in here by itself; where its path has a parameter that is not in `ids`, the test fails.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest

from tests.people import PASSWORD, registered
from tests.redeeming import with_code
from tests.shop import ADDRESS, Shop, statements
from tradepost.app import operating, selling
from tradepost.app.rights import RIGHTS
from tradepost.app.wiring import operations
from tradepost.http.routes import PERSON, PUBLIC, Operation
from tradepost.stores import StoreDraft

pytestmark = pytest.mark.anyio

_REFUSALS = {"unauthenticated", "forbidden", "session_revoked"}
_ROLES = {
    "orders": ["orders:read"],
    "shop": ["products:write", "stock:adjust", "stock:read", "promotions:read"],
    "books": ["taxes:read", "shipping:read"],
    "trade": ["markets:read", "markets:write", "prices:read", "prices:write"],
    "little": ["nothing:else"],
}


Asking = Callable[[dict[str, str]], Awaitable[httpx2.Response]]


class Caller(msgspec.Struct):
    """Somebody who may come: how he asks, what he may do, and what he is told where he may not."""

    name: str
    headers: dict[str, str]
    permissions: set[str]
    is_person: bool
    refusal: str

    def may(self, right: str) -> bool:
        if right == PUBLIC or right.endswith(" or owner"):
            return self.refusal != "session_revoked"
        wanted = right.removesuffix(" or person")
        as_person = self.is_person and (right == PERSON or wanted != right)
        return as_person or wanted in self.permissions or ("*" in self.permissions and right != PERSON)

    def refused(self, right: str) -> set[str]:
        """A key is somebody, and yet no person."""
        return {self.refusal, "unauthenticated"} if right == PERSON else {self.refusal}


async def _token(shop: Shop, email: str) -> dict[str, str]:
    login = {"email": email, "password": PASSWORD, "tokens": "body"}
    answer = await shop.guest("POST", "/auth/login", json=login)
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}


async def _member(shop: Shop, name: str, permissions: list[str]) -> Caller:
    """Somebody who works here; his password is set as a link would do."""
    role = {"name": name, "permissions": permissions}
    role_id = (await shop.staff("POST", "/staff-roles", json=role)).json()["id"]
    user = {"email": f"{name}@example.com", "firstName": name, "lastName": "Works", "staffRoleId": role_id}
    await shop.staff("POST", "/users", json=user)
    await shop.change(
        "update account set password_hash = (select password_hash from account where email = 'ada@example.com')"
        " where role = 'STAFF'"
    )
    return Caller(f"staff: {name}", await _token(shop, user["email"]), set(permissions), True, "forbidden")


async def _other_store(shop: Shop) -> str:
    """The key of another store in the same installation, good for everything there."""
    await selling.create_store(shop.url, StoreDraft(slug="other", name="Other", currency="USD", locale="en-US"))
    return await operating.create_key(shop.url, name="other", scopes=["*"], store="other")


async def _callers(shop: Shop, order_token: str) -> list[Caller]:
    bare = await operating.create_key(shop.url, name="bare", scopes=["nothing:here"], store=None)
    gone = await _token(shop, "ada@example.com")
    await shop.guest("POST", "/auth/logout", headers=gone)
    return [
        Caller("nobody", {}, set(), False, "unauthenticated"),
        Caller("a guest with his order", {"X-Order-Token": order_token}, set(), False, "unauthenticated"),
        Caller("Ada", await _token(shop, "ada@example.com"), set(), True, "forbidden"),
        Caller("Grace", await _token(shop, "grace@example.com"), set(), True, "forbidden"),
        Caller("a key without a scope", {"X-API-Key": bare}, {"nothing:here"}, False, "forbidden"),
        Caller("an ended session", gone, set(), False, "session_revoked"),
        *[await _member(shop, name, permissions) for name, permissions in _ROLES.items()],
    ]


class Scene(msgspec.Struct):
    """A shop in which everything that has an id is there once, and belongs to Ada where it belongs to a person."""

    callers: list[Caller]
    other: dict[str, str]
    ids: dict[str, str]


@pytest.fixture
async def scene(shop: Shop) -> Scene:
    ada, _ = await registered(shop), await registered(shop, email="grace@example.com")
    home = (await shop.staff("POST", "/categories", json={"name": "Home"})).json()
    mug = await shop.product(categoryId=home["id"], images=[{"url": "https://images.example.com/mug.jpg"}])
    items = {"items": [{"productId": mug["id"], "quantity": 1}]}
    order = (await ada.ask("POST", "/orders", json=items)).json()
    guest = (await shop.order((mug, 1))).json()
    address = (await ada.ask("POST", "/addresses", json=ADDRESS | {"type": "SHIPPING"})).json()
    await shop.staff("PATCH", f"/orders/{order['id']}/status", json={"status": "CONFIRMED"})
    packed = (await shop.staff("POST", f"/orders/{order['id']}/shipments", json={})).json()
    await shop.staff("POST", f"/orders/{order['id']}/shipments/{packed['shipment']['id']}/ship", json={})
    back = {"items": [{"itemId": order["items"][0]["id"], "quantity": 1}]}
    returned = (await shop.staff("POST", f"/orders/{order['id']}/returns", json=back)).json()
    promotion = await with_code(shop, "SPRING10")
    coupons = (await shop.staff("GET", f"/promotions/{promotion['id']}/coupons")).json()
    callers = await _callers(shop, guest["accessToken"])
    cart = (await ada.ask("POST", "/carts", json={})).json()
    cart = (await ada.ask("POST", f"/carts/{cart['id']}/items", json=items["items"][0])).json()
    wish = (await ada.ask("POST", "/orders", json=items, headers={"Prefer": "respond-async"})).json()
    me = (await ada.ask("GET", "/auth/me")).json()["account"]["id"]
    zone = (await shop.staff("POST", "/shipping-zones", json={"name": "DE", "places": [{"country": "DE"}]})).json()
    ids = {
        "order_id": order["id"],
        "cart_id": cart["id"],
        "item_id": cart["items"][0]["id"],
        "request_id": wish["id"],
        "code": "SPRING10",
        "ref": mug["id"],
        "category": home["id"],
        "image_id": mug["images"][0]["id"],
        "shipment_id": packed["shipment"]["id"],
        "return_id": returned["id"],
        "variant_id": mug["variants"][0]["id"],
        "customer_id": me,
        "user_id": me,
        "address_id": address["id"],
        "session_id": (await ada.ask("GET", "/auth/sessions")).json()["items"][-1]["id"],
        "role_id": (await shop.staff("GET", "/staff-roles")).json()["items"][0]["id"],
        "import_id": (await _import(shop))["id"],
        "tax_rate_id": (await shop.staff("POST", "/tax-rates", json=_TAX)).json()["id"],
        "exemption_id": (await _exemption(shop, me))["id"],
        "zone_id": zone["id"],
        "method_id": (await _method(shop, zone["id"]))["id"],
        "promotion_id": promotion["id"],
        "coupon_id": coupons["items"][0]["id"],
        "key_id": (await shop.staff("GET", "/api-keys")).json()["items"][0]["id"],
        "market": await _market(shop),
        "locale": "de",
        "quote": "USD",
    }
    return Scene(callers, {"X-API-Key": await _other_store(shop)}, ids)


_TAX = {"name": "VAT", "country": "AT", "rate": "20"}


async def _exemption(shop: Shop, customer_id: str) -> dict[str, Any]:
    body = {"customerId": customer_id, "reason": "Embassy"}
    return (await shop.staff("POST", "/tax-exemptions", json=body)).json()


async def _method(shop: Shop, zone_id: str) -> dict[str, Any]:
    prices = {"USD": {"steps": [{"amount": "5.00"}]}}
    body = {"zoneId": zone_id, "code": "post", "name": "Post", "basis": "FLAT", "prices": prices}
    return (await shop.staff("POST", "/shipping-methods", json=body)).json()


async def _market(shop: Shop) -> str:
    """A market that no other store has; home is in each of them."""
    body = {"slug": "euro", "name": "Euro", "currency": "EUR", "locale": "de", "taxIncluded": True}
    return (await shop.staff("POST", "/markets", json=body)).json()["slug"]


async def _import(shop: Shop) -> dict[str, Any]:
    headers = {"Content-Type": "text/csv"}
    return (await shop.staff("POST", "/imports", content=b"sku,name\nCUP,Cup\n", headers=headers)).json()


def _asking(
    shop: Shop, operation: Operation, ids: dict[str, str]
) -> Callable[[dict[str, str]], Awaitable[httpx2.Response]]:
    """How an operation is called with the example of its documentation."""
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    path = operation.path.format(**{name: ids[name] for name in names}).removeprefix("/api/v1")
    body: Any = {"json": operation.example} if operation.body is not None else {}
    media: dict[str, str] = {}
    if operation.takes is not None:
        body, media = {"content": b"no table"}, {"Content-Type": operation.takes}

    async def ask(headers: dict[str, str]) -> httpx2.Response:
        headers = headers | media
        return await shop.guest(operation.method, path, headers=headers, **body)

    return ask


def _code(answer: httpx2.Response) -> str:
    return answer.json().get("code", "") if answer.status_code >= 400 else ""


def _in_order() -> list[Operation]:
    """Logging out is last: it ends what the others need."""
    return sorted(operations(), key=lambda operation: operation.name == "logout")


async def _rows(shop: Shop) -> list[tuple[Any, ...]]:
    """How much there is of everything that a request can write."""
    return await shop.rows(
        """
        select (select count(*) from event), (select count(*) from sales_order), (select count(*) from stock_movement),
               (select count(*) from account), (select count(*) from session), (select count(*) from address),
               (select count(*) from api_key where revoked_at is null), (select count(*) from staff_role),
               (select sum(version) from product), (select sum(version) from category),
               (select count(*) from product_variant), (select count(*) from idempotency_answer),
               (select count(*) from proof), (select count(*) from shipment), (select count(*) from order_note),
               (select count(*) from payment), (select sum(version) from sales_order),
               (select sum(version) from market), (select count(*) from variant_price),
               (select count(*) from product_text), (select count(*) from store_exchange_rate),
               (select count(*) from product_import where state = 'WAITING'),
               (select sum(version) from cart), (select count(*) from order_request),
               (select sum(version) from tax_rate), (select sum(version) from tax_exemption),
               (select sum(version) from shipping_zone), (select sum(version) from shipping_method),
               (select sum(version) from promotion), (select sum(version) from coupon)
        """
    )


async def test_the_answer_is_the_one_of_the_table_of_rights(shop: Shop, scene: Scene) -> None:
    absent = dict.fromkeys(scene.ids, str(uuid4()))
    wrong: list[str] = []
    before = await _rows(shop)
    for operation in _in_order():
        right, ask = RIGHTS[operation.name], _asking(shop, operation, absent)
        for caller in scene.callers:
            if not caller.may(right):
                code = _code(await ask(caller.headers))
                wrong += [] if code in caller.refused(right) else [f"{operation.name}, {caller.name}: {code}"]
    assert not wrong
    assert await _rows(shop) == before
    for operation in _in_order():
        right, ask = RIGHTS[operation.name], _asking(shop, operation, absent)
        for caller in scene.callers:
            if caller.may(right) and (code := _code(await ask(caller.headers))) in _REFUSALS:
                wrong.append(f"{operation.name}, {caller.name}: {code}")
    assert not wrong


async def test_what_is_somebody_elses_is_absent(shop: Shop, scene: Scene) -> None:
    """C12: by customer, by guest and by store; the answer is the one for an id that does not exist."""
    wrong: list[str] = []
    absent = dict.fromkeys(scene.ids, str(uuid4()))
    strangers = [caller for caller in scene.callers if caller.name in ("Grace", "nobody", "a guest with his order")]
    before, asked = await _rows(shop), statements()
    for operation in operations():
        right = RIGHTS[operation.name]
        is_shown = right == PUBLIC and ("{ref}" in operation.path or "{category}" in operation.path)
        if "{" not in operation.path or is_shown:
            continue
        callers = [caller for caller in strangers if caller.may(right)]
        headers = [caller.headers for caller in callers] + ([scene.other] if right != PERSON else [])
        for header in headers:
            theirs, none = [await _asking(shop, operation, ids)(header) for ids in (scene.ids, absent)]
            if (theirs.status_code, _code(theirs)) != (none.status_code, _code(none)) or theirs.status_code < 400:
                wrong.append(f"{operation.name}: {theirs.status_code} {_code(theirs)}, not {_code(none)}")
    assert not wrong
    assert await _rows(shop) == before
    assert statements() > asked


async def test_what_is_ones_own_is_there(shop: Shop, scene: Scene) -> None:
    """And so is everything for those who may see all: else the tests above would hold in a shop that refuses all."""
    asked = 0
    for operation in operations():
        right, ask = RIGHTS[operation.name], _asking(shop, operation, scene.ids)
        if operation.method == "GET" and "{" in operation.path:
            for caller in scene.callers:
                owns = caller.name == "Ada" and (right in (PERSON, PUBLIC) or right.endswith(("person", "owner")))
                if owns or right in caller.permissions:
                    answer = await ask(caller.headers)
                    assert answer.status_code == 200, (operation.name, caller.name, answer.text)
                    asked += 1
    assert asked >= 5


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/users/", {}),
        ("/api/v1//users", {}),
        ("/API/v1/users", {}),
        ("/api/v1/Users", {}),
        ("/api/v1/%75sers", {}),
        ("/api/v1/products/../users", {}),
        ("/api/v1/products/%2e%2e/users", {}),
        ("/api/v1/products/..%2fusers", {}),
        ("/api/v1/users;x=1", {}),
        ("/api/v1/users%00", {}),
        ("/api/v1/users", {"X-HTTP-Method-Override": "OPTIONS"}),
        ("/api/v1/orders/none", {"X-Original-URL": "/api/v1/users", "X-Rewrite-URL": "/api/v1/users"}),
    ],
)
async def test_no_disguise_opens_what_is_for_staff(shop: Shop, path: str, headers: dict[str, str]) -> None:
    """C17: rights hang on the operation that runs, not on the text of a path or on headers that claim another one."""
    ada = await registered(shop)
    answer = await ada.client.get(path, headers=headers)
    assert answer.status_code in (403, 404, 422), answer.text
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    mug = await shop.product()
    refused = await ada.ask("POST", f"/products/{mug['id']}", headers=override)
    assert refused.status_code == 405
    assert (await shop.guest("GET", f"/products/{mug['id']}")).status_code == 200
