"""What can be asked of orders: placed and read, what happens to them then, and their parcels."""

from tradepost.orders.api.edits import routes as edits_routes
from tradepost.orders.api.labels import routes as labels_routes
from tradepost.orders.api.life import routes as life_routes
from tradepost.orders.api.paying import routes as paying_routes
from tradepost.orders.api.placing import routes as placing_routes
from tradepost.orders.api.requests import routes as requests_routes
from tradepost.orders.api.returns import routes as returns_routes
from tradepost.orders.api.shipments import routes as shipments_routes

AREAS = [
    *(placing_routes, requests_routes, life_routes, paying_routes, shipments_routes),
    *(labels_routes, edits_routes, returns_routes),
]

__all__ = ["AREAS"]
