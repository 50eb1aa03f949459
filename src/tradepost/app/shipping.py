"""Who carries parcels in this installation, from its settings."""

from tradepost.app.settings import Settings
from tradepost.shipping.carriers import Carrier, Place, TableRates, UpsAccount, carriers_of, place_of, table_of


def carriers(settings: Settings) -> dict[str, Carrier]:
    """By name, in the order of the setting; to be closed."""
    ups = UpsAccount(settings.ups_url, settings.ups_account, settings.ups_client_id, settings.ups_client_secret)
    return carriers_of(settings.carrier_names, ups=ups)


def table(settings: Settings) -> TableRates | None:
    return TableRates(table_of(settings.shipping_table)) if settings.shipping_table else None


def sender(settings: Settings) -> Place | None:
    """Where parcels come from; never None where there are carriers."""
    return place_of(settings.ship_from) if settings.ship_from else None
