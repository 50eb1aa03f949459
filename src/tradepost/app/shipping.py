"""Who carries parcels in this installation, from its settings."""

from tradepost.app.settings import Settings
from tradepost.shipping.carriers import Carriers, TableRates, UpsAccount, carriers_of, place_of, table_of


def carriers(settings: Settings) -> Carriers:
    """In the order of the setting; to be closed."""
    ups = UpsAccount(settings.ups_url, settings.ups_account, settings.ups_client_id, settings.ups_client_secret)
    table = TableRates(table_of(settings.shipping_table)) if settings.shipping_table else None
    sender = place_of(settings.ship_from) if settings.ship_from else None
    return Carriers(carriers_of(settings.carrier_names, ups=ups), table, sender)
