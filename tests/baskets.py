"""Carts as shoppers use them: a guest with the secret of his cart, or somebody who has signed in."""

from typing import Any

import httpx2

from tests.people import Person
from tests.shop import ADDRESS, Shop


class Basket:
    """A cart of a guest, or of a person: `who` asks."""

    def __init__(self, shop: Shop, said: dict[str, Any], person: Person | None = None) -> None:
        self.shop = shop
        self.id: str = said["id"]
        self.token: str = said.get("token", "")
        self.person = person

    async def ask(self, method: str, path: str = "", **kwargs: Any) -> httpx2.Response:
        if self.person is not None:
            return await self.person.ask(method, f"/carts/{self.id}{path}", **kwargs)
        headers = {"X-Cart-Token": self.token} | kwargs.pop("headers", {})
        return await self.shop.guest(method, f"/carts/{self.id}{path}", headers=headers, **kwargs)

    async def add(self, product: dict[str, Any], quantity: int = 1) -> httpx2.Response:
        return await self.ask("POST", "/items", json={"productId": product["id"], "quantity": quantity})

    async def read(self) -> dict[str, Any]:
        answer = await self.ask("GET")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def total(self) -> dict[str, Any]:
        answer = await self.ask("GET", "/total")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def check_out(self, **body: Any) -> httpx2.Response:
        headers = body.pop("headers", {})
        wanted = {"email": "ada@example.com", "shippingAddress": ADDRESS} | body
        return await self.ask("POST", "/checkout", json=wanted, headers=headers)


async def basket(shop: Shop, *items: tuple[dict[str, Any], int], person: Person | None = None) -> Basket:
    """A new cart with things in it."""
    shop.client.cookies.clear()  # each guest is somebody else
    opened = await (person.ask if person else shop.guest)("POST", "/carts", json={})
    assert opened.status_code in (200, 201), opened.text
    shop.client.cookies.clear()
    found = Basket(shop, opened.json(), person)
    for product, quantity in items:
        answer = await found.add(product, quantity)
        assert answer.status_code == 201, answer.text
    return found


def codes(cart: dict[str, Any]) -> list[str]:
    return [message["code"] for message in cart["messages"]]
