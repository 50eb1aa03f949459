"""Who may do what: one line for each operation. The application does not start with an operation that is not here.

PUBLIC operations that show somebody's data put the owner into their query: what is not yours is not found.
"""

from tradepost.http.routes import PUBLIC

RIGHTS = {
    "list_products": PUBLIC,
    "featured_products": PUBLIC,
    "read_product": PUBLIC,
    "create_product": "products:write",
    "change_product": "products:write",
    "archive_product": "products:write",
    "add_variant": "products:write",
    "change_variant": "products:write",
    "adjust_stock": "stock:adjust",
    "low_stock_products": "stock:read",
    "quote_order": PUBLIC,
    "place_order": PUBLIC,
    "list_orders": "orders:read",
    "read_order": PUBLIC,
    "order_timeline": PUBLIC,
    "explain_order": PUBLIC,
    "create_customer": "customers:write",
    "list_customers": "customers:read",
    "read_customer": "customers:read",
    "list_addresses": PUBLIC,
    "add_address": PUBLIC,
    "read_address": PUBLIC,
    "change_address": PUBLIC,
    "remove_address": PUBLIC,
    "list_customer_addresses": "customers:read",
    "add_customer_address": "customers:write",
    "read_customer_address": "customers:read",
    "change_customer_address": "customers:write",
    "remove_customer_address": "customers:write",
    "create_api_key": "keys:write",
    "list_api_keys": "keys:read",
    "revoke_api_key": "keys:write",
    "list_events": "events:read",
}
