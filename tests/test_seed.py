"""A large demo shop is as believable as a small one."""

from collections import defaultdict
from uuid import UUID, uuid4

from tradepost.app import demo_goods

_MANY = 100_000


def test_no_two_of_a_hundred_thousand_products_have_a_name_a_slug_or_a_sku_in_common() -> None:
    homes: defaultdict[str, UUID] = defaultdict(uuid4)
    names, slugs, skus, variants = set(), set(), set(), 0
    for number in range(_MANY):
        draft = demo_goods.product(number, homes)
        names.add(draft.name)
        slugs.add(draft.slug)
        skus.update(variant.sku for variant in draft.variants)
        variants += len(draft.variants)
    assert (len(names), len(slugs), len(skus)) == (_MANY, _MANY, variants)
    assert not [name for name in names if any(letter.isdigit() for letter in name)]
