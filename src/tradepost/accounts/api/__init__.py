"""The routes of accounts, by who uses them."""

from tradepost.accounts.api import auth, keys, me, users

AREAS = [auth.routes, me.routes, users.routes, keys.routes]
