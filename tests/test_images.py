import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.shop import Shop, same_problem

pytestmark = pytest.mark.anyio

HOST = "https://images.example.com"


async def pictured(shop: Shop, *names: str, **fields: Any) -> dict[str, Any]:
    """A product with these images."""
    return await shop.product(images=[{"url": f"{HOST}/{name}.jpg", "alt": name} for name in names], **fields)


async def shown(shop: Shop, product: dict[str, Any]) -> list[str]:
    seen = (await shop.guest("GET", f"/products/{product['id']}")).json()["images"]
    assert (await shop.guest("GET", f"/products/{product['id']}/images")).json()["items"] == seen
    return [image["alt"] for image in seen]


async def test_a_product_shows_its_images_in_their_order(shop: Shop) -> None:
    mug = await pictured(shop, "front", "back")
    path = f"/products/{mug['id']}/images"
    added = await shop.staff("POST", path, json={"url": f"{HOST}/side.jpg", "alt": "side"})
    assert (added.status_code, added.headers["etag"]) == (201, '"v2"')
    assert added.json()["url"] == f"{HOST}/side.jpg"
    assert await shown(shop, mug) == ["front", "back", "side"]
    ids = [image["id"] for image in (await shop.guest("GET", path)).json()["items"]]
    turned = await shop.staff("PUT", f"{path}/order", json={"imageIds": ids[::-1]})
    assert ([image["alt"] for image in turned.json()["items"]], turned.headers["etag"]) == (
        ["side", "back", "front"],
        '"v3"',
    )
    assert await shown(shop, mug) == ["side", "back", "front"]
    assert (await shop.staff("DELETE", f"{path}/{ids[1]}")).status_code == 204
    assert (await shop.staff("POST", path, json={"url": f"{HOST}/new.jpg"})).status_code == 201
    assert await shown(shop, mug) == ["side", "front", ""]


async def test_an_image_is_changed(shop: Shop) -> None:
    mug = await pictured(shop, "front")
    path = f"/products/{mug['id']}/images/{mug['images'][0]['id']}"
    changed = await shop.staff("PATCH", path, json={"alt": "From the front"}, headers={"If-Match": '"v1"'})
    assert changed.json() == mug["images"][0] | {"alt": "From the front"}
    assert changed.headers["etag"] == '"v2"'
    assert (await shop.staff("PATCH", path, json={"alt": "From the front"})).headers["etag"] == '"v2"'
    for method, body in (("PATCH", {"alt": "x"}), ("DELETE", None)):
        stale = await shop.staff(method, path, headers={"If-Match": '"v1"'}, **({"json": body} if body else {}))
        assert same_problem(stale, 412, "stale_version")
    other = await pictured(shop, "other")
    foreign = f"/products/{other['id']}/images/{mug['images'][0]['id']}"
    assert same_problem(await shop.staff("PATCH", foreign, json={"alt": "x"}), 404, "not_found")
    assert same_problem(await shop.staff("DELETE", foreign), 404, "not_found")


@pytest.mark.parametrize(
    "url",
    [
        "http://images.example.com/a.jpg",
        "//images.example.com/a.jpg",
        "/a.jpg",
        "a.jpg",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "gopher://images.example.com/",
        "https://",
        "https://localhost/a.jpg",
        "https://localhost./a.jpg",
        "https://127.0.0.1/a.jpg",
        "https://2130706433/a.jpg",
        "https://0x7f.1/a.jpg",
        "https://0177.0.0.01/a.jpg",
        "https://[::1]/a.jpg",
        "https://[::ffff:127.0.0.1]/a.jpg",
        "https://169.254.169.254/latest/meta-data",
        "https://user:secret@images.example.com/a.jpg",
        "https://images.example.com:22/a.jpg",
        "https://images.example.com:port/a.jpg",
        "https://images.example.com\\@10.0.0.1/a.jpg",
        "https://images .example.com/a.jpg",
        "https://images.example.com/a b.jpg",
        "https://bücher.example.com/a.jpg",
    ],
)
async def test_an_image_is_at_a_public_address(shop: Shop, url: str) -> None:
    mug = await pictured(shop, "front")
    path = f"/products/{mug['id']}/images"
    said = [
        (shop.staff("POST", path, json={"url": url}), "/url"),
        (shop.staff("PATCH", f"{path}/{mug['images'][0]['id']}", json={"url": url}), "/url"),
        (shop.staff("POST", "/products", json={"name": "A", "images": [{"url": url}]}), "/images/0/url"),
        (shop.staff("POST", "/categories", json={"name": "A", "image": {"url": url}}), "/image/url"),
    ]
    for answer, pointer in said:
        assert same_problem(await answer, 422, "url_not_allowed", pointer)
    assert await shown(shop, mug) == ["front"]


@pytest.mark.parametrize("length", [0, 2001])
async def test_the_address_of_an_image_has_a_length(shop: Shop, length: int) -> None:
    mug = await shop.product()
    url = f"{HOST}/".ljust(length, "a")[:length]
    answer = await shop.staff("POST", f"/products/{mug['id']}/images", json={"url": url})
    assert same_problem(answer, 422, "out_of_range", "/url")


async def test_an_order_of_images_names_each_of_them_once(shop: Shop) -> None:
    mug, other = await pictured(shop, "front", "back"), await pictured(shop, "other")
    front, back = [image["id"] for image in mug["images"]]
    foreign = other["images"][0]["id"]
    for ids in ([front], [front, front], [front, back, front], [front, foreign], [front, back, foreign]):
        refused = await shop.staff("PUT", f"/products/{mug['id']}/images/order", json={"imageIds": ids})
        assert same_problem(refused, 422, "incomplete", "/imageIds")
    assert await shown(shop, mug) == ["front", "back"]


async def test_a_product_has_so_many_images_and_no_more(shop: Shop) -> None:
    mug = await pictured(shop, *(f"{number}" for number in range(50)))
    one_more = await shop.staff("POST", f"/products/{mug['id']}/images", json={"url": f"{HOST}/51.jpg"})
    assert same_problem(one_more, 409, "too_many_images")


async def test_a_variant_shows_one_of_the_products_images(shop: Shop) -> None:
    variants = [{"name": name, "options": {"size": name}} for name in "SM"]
    shirt, other = await pictured(shop, "front", "back", variants=variants), await pictured(shop, "other")
    paths = [f"/products/{shirt['id']}/variants/{variant['id']}" for variant in shirt["variants"]]
    back = shirt["images"][1]["id"]
    assert (await shop.staff("PATCH", paths[1], json={"imageId": back})).json()["imageId"] == back
    seen = (await shop.guest("GET", f"/products/{shirt['id']}")).json()
    assert [variant["imageId"] for variant in seen["variants"]] == [None, back]
    for foreign in (other["images"][0]["id"], str(uuid4())):
        refused = await shop.staff("PATCH", paths[0], json={"imageId": foreign})
        assert same_problem(refused, 422, "reference_not_found", "/imageId")
    assert (await shop.staff("DELETE", f"/products/{shirt['id']}/images/{back}")).status_code == 204
    seen = (await shop.guest("GET", f"/products/{shirt['id']}")).json()
    assert [variant["imageId"] for variant in seen["variants"]] == [None, None]
    told = await shop.rows("select payload from event where name = 'product.changed' order by id desc limit 1")
    assert told == [({"changed": ["images", "imageId"], "variantIds": [shirt["variants"][1]["id"]]},)]


async def test_images_of_what_is_not_on_sale_are_for_staff(shop: Shop) -> None:
    draft = await pictured(shop, "front", status="DRAFT")
    assert same_problem(await shop.guest("GET", f"/products/{draft['id']}/images"), 404, "not_found")
    assert len((await shop.staff("GET", f"/products/{draft['id']}/images")).json()["items"]) == 1


async def test_images_that_come_at_once_are_all_there(shop: Shop) -> None:
    mug = await pictured(shop, "front")
    bodies = [{"url": f"{HOST}/{number}.jpg", "alt": f"{number}"} for number in range(8)]
    answers = await asyncio.gather(
        *(shop.staff("POST", f"/products/{mug['id']}/images", json=body) for body in bodies),
        shop.staff("DELETE", f"/products/{mug['id']}/images/{mug['images'][0]['id']}"),
    )
    assert {answer.status_code for answer in answers} == {201, 204}
    assert sorted(await shown(shop, mug)) == [f"{number}" for number in range(8)]


async def test_an_item_keeps_the_image_that_it_was_bought_with(shop: Shop) -> None:
    plain, blue = "https://img.example.com/plain.jpg", "https://img.example.com/blue.jpg"
    variants = [
        {"name": colour, "options": {"colour": colour}, "price": "5.00", "inventoryQuantity": 3}
        for colour in ("red", "blue")
    ]
    images = [{"url": url, "alt": "A mug"} for url in (plain, blue)]
    made = {"name": "Mug", "status": "ACTIVE", "variants": variants, "images": images}
    created = await shop.staff("POST", "/products", json=made)
    assert created.status_code == 201, created.text
    mug = created.json()
    red, other = (variant["id"] for variant in mug["variants"])
    path = f"/products/{mug['id']}"
    await shop.staff("PATCH", f"{path}/variants/{other}", json={"imageId": mug["images"][1]["id"]})
    bare = await shop.product()
    body = {
        "email": "ada@example.com",
        "items": [{"variantId": id_, "quantity": 1} for id_ in (red, other, bare["variants"][0]["id"])],
    }
    placed = (await shop.guest("POST", "/orders", json=body)).json()
    assert [item["imageUrl"] for item in placed["items"]] == [plain, blue, None]
    for image in mug["images"]:
        assert (await shop.staff("DELETE", f"{path}/images/{image['id']}")).status_code == 204
    read = (await shop.staff("GET", f"/orders/{placed['id']}")).json()
    assert [item["imageUrl"] for item in read["items"]] == [plain, blue, None]
    again = (await shop.guest("POST", "/orders", json=body)).json()
    assert [item["imageUrl"] for item in again["items"]] == [None, None, None]
