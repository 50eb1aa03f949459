"""What a caller sends can neither write into the log nor leave a secret there (D16)."""

import asyncio
import json
from typing import cast

import pytest

from tests.shop import Shop

pytestmark = pytest.mark.anyio

_HOSTILE = {
    "user-agent": "\x1b[31m" + "x" * 1_000_000,
    "x-request-id": "forged 01",
    "x-forwarded-for": '203.0.113.7", "event": "forged',
}


async def test_a_request_is_one_line_of_json_whatever_it_says(
    shop: Shop, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    capfdbinary.readouterr()
    paths = ["/products/a%0a%7b%22event%22%3a%22forged%22%7d", "/products/%1b%5b31m", "/orders?api_key=tp_topsecret"]
    for path in paths:
        await shop.guest("GET", path, headers=_HOSTILE)
    await shop.guest("POST", "/orders", json={"email": "ada.private@example.com", "items": []}, headers=_HOSTILE)
    written = b""
    while written.count(b"\n") <= len(paths):  # lines are written a few at a time, within a tenth of a second
        await asyncio.sleep(0.02)
        written += capfdbinary.readouterr().out
    lines = [cast("dict[str, object]", json.loads(line)) for line in written.splitlines()]
    assert [line["event"] for line in lines] == ["request"] * (len(paths) + 1)
    assert max(map(len, written.splitlines())) < 1_000
    for said in (b"forged", b"topsecret", b"private", b"203.0.113.7", b"\x1b"):
        assert said not in written
