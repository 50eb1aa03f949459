"""What products and categories are called in other languages than the store's."""

from tradepost.catalog.texts.languages import check_locale

__all__ = ["check_locale"]
