"""What can be asked of carts: keeping them, and ordering what is in them."""

from tradepost.carts.api.keeping import routes as keeping_routes
from tradepost.carts.api.ordering import routes as ordering_routes

AREAS = [keeping_routes, ordering_routes]

__all__ = ["AREAS"]
