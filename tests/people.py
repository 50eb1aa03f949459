"""People who sign in, each with a browser of his own."""

import asyncio
import re
from typing import Any

import httpx2
import pytest

from tests.shop import Shop

_PATIENCE = 60
PASSWORD = "correct horse battery staple"
ADA = {"email": "ada@example.com", "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace"}
ORIGIN = {"Origin": "http://localhost:8000"}


class Person:
    """Somebody with a browser: it keeps cookies, and says where its requests come from."""

    def __init__(self, shop: Shop) -> None:
        self.client = shop.browser()
        self.csrf = ""

    async def ask(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        headers = ORIGIN | {"X-CSRF-Token": self.csrf} | kwargs.pop("headers", {})
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **kwargs)

    async def sign_in(self, email: str = "ada@example.com", password: str = PASSWORD) -> httpx2.Response:
        answer = await self.ask("POST", "/auth/login", json={"email": email, "password": password})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrfToken"]
        return answer


async def registered(shop: Shop, **fields: Any) -> Person:
    person = Person(shop)
    made = await person.ask("POST", "/auth/register", json=ADA | fields)
    assert made.status_code == 201, made.text
    answer = await person.sign_in(fields.get("email", ADA["email"]), fields.get("password", PASSWORD))
    assert answer.status_code == 200, answer.text
    return person


async def links(capfd: pytest.CaptureFixture[str], count: int = 1) -> list[str]:
    """The secrets of the links in the next mails, which the console shows."""
    shown = ""
    async with asyncio.timeout(_PATIENCE):
        while len(found := re.findall(r"#token=(\S+)", shown)) < count:
            await asyncio.sleep(0.02)
            shown += capfd.readouterr().err
    return found
