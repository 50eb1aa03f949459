import re

from tradepost.core.errors import invalid
from tradepost.stores.creating import LOCALE


def check_locale(locale: str, *, own: str) -> None:
    """ValidationFailed for what is no locale, and for the store's own, in which things have their words themselves."""
    if not re.search(LOCALE, locale):
        raise invalid("", "invalid_format", f"{locale[:20]!r} is not a locale like de or de-AT")
    if locale == own:
        raise invalid("", "not_allowed", f"{locale} is the store's own language: change the words themselves")
