"""Who calls and who buys: API keys, customers, and the one place where a request's actor is established."""

from tradepost.accounts.identity import Identity
from tradepost.accounts.keys import create_key, ensure_key, key_of, revoke_key
from tradepost.accounts.model import Customer, CustomerDraft, EmailTaken, InvalidCredentials, hash_secret
from tradepost.accounts.store import find_customers, insert_customers

__all__ = [
    "Customer",
    "CustomerDraft",
    "EmailTaken",
    "Identity",
    "InvalidCredentials",
    "create_key",
    "ensure_key",
    "find_customers",
    "hash_secret",
    "insert_customers",
    "key_of",
    "revoke_key",
]
