"""A further store in the same installation."""

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from tradepost.core.actors import system
from tradepost.core.errors import Conflict, FieldError, ValidationFailed
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.stores import store
from tradepost.stores.events import StoreCreated
from tradepost.stores.model import Store

LOCALE = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$(?!\n)"
CURRENCY = r"^[A-Z]{3}$(?!\n)"
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)"
_MOST_SLUG = 100
_MOST_NAME = 200
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_PREFIX = re.compile(r"[A-Z0-9-]{0,12}")


class StoreTaken(Conflict):
    """Another store of the installation has this slug."""

    title = "There is a store with this slug"


class HostTaken(Conflict):
    """Another store of the installation has one of the host names."""

    title = "Another store has this host name"


class StoreDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A store to be. Without `hosts` it is reached by its keys alone, unless it is the first, which takes any host."""

    slug: str
    name: str
    hosts: Sequence[str] = ()
    currency: str
    locale: str
    time_zone: str = "UTC"
    tax_included: bool = False
    order_prefix: str | None = None


async def create(tx: Tx, draft: StoreDraft) -> Store:
    """A new store with its home market; the first one of an installation is the default one.

    Raises ValidationFailed, StoreTaken, HostTaken.
    """
    checked(draft)
    await store.lock_all(tx)
    others = await store.all_stores(tx)
    _check_free(draft, others)
    made = Store(
        id=uuid7(),
        slug=draft.slug,
        name=draft.name,
        hosts=list(dict.fromkeys(draft.hosts)),
        currency=draft.currency,
        locale=draft.locale,
        time_zone=draft.time_zone,
        tax_name="Tax",
        tax_rate_ppm=0,
        tax_included=draft.tax_included,
        order_prefix=draft.slug[:8].upper() + "-" if draft.order_prefix is None else draft.order_prefix,
        is_default=not others,
    )
    await store.insert(tx, made)
    await publish(tx, StoreCreated(made.slug, made.currency), actor=system(made.id), subject_id=made.id)
    return made


def checked(draft: StoreDraft) -> None:
    """ValidationFailed with all that is wrong with it."""
    wrong = [
        FieldError(f"/{name}", "invalid_format", detail)
        for name, is_good, detail in (
            ("slug", _is(SLUG, draft.slug) and len(draft.slug) <= _MOST_SLUG, "is not like my-shop"),
            ("name", 0 < len(draft.name.strip()) <= _MOST_NAME, "is empty, or longer than 200 letters"),
            ("currency", _is(CURRENCY, draft.currency), "is not like EUR"),
            ("locale", _is(LOCALE, draft.locale), "is not like de or de-AT"),
            ("timeZone", _is_zone(draft.time_zone), "is not like Europe/Vienna"),
            ("orderPrefix", _PREFIX.fullmatch(draft.order_prefix or "") is not None, "is not like AB-"),
        )
        if not is_good
    ]
    wrong += [
        FieldError(f"/hosts/{at}", "invalid_format", f"{host!r} is no host name in lower case, without a port")
        for at, host in enumerate(draft.hosts)
        if not _HOST.fullmatch(host)
    ]
    if wrong:
        raise ValidationFailed("; ".join(f"{error.pointer}: {error.detail}" for error in wrong), errors=wrong)


def _check_free(draft: StoreDraft, others: Sequence[Store]) -> None:
    if any(other.slug == draft.slug for other in others):
        raise StoreTaken(f"There is a store {draft.slug!r}", errors=[FieldError("/slug", StoreTaken.code, "is in use")])
    for at, host in enumerate(draft.hosts):
        owner = next((other for other in others if host in other.hosts), None)
        if owner:
            said = f"{host} is a host name of the store {owner.slug!r}"
            raise HostTaken(said, errors=[FieldError(f"/hosts/{at}", HostTaken.code, "is in use")])


def _is(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True
