"""Who calls, who buys and who works here: accounts, sessions, keys, and the one place where a caller is established."""

from tradepost.accounts.identity import Identity
from tradepost.accounts.keys import create_key, ensure_key, key_of, revoke_key
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import (
    Account,
    CustomerDraft,
    EmailTaken,
    InvalidCredentials,
    Role,
    hash_secret,
)
from tradepost.accounts.passwords import Passwords
from tradepost.accounts.registering import create_customer, ensure_customer
from tradepost.accounts.sessions import forget_old
from tradepost.accounts.staff import ensure_staff
from tradepost.accounts.store.people import (
    FIND_ACCOUNTS,
    AccountFilter,
    account_of,
    accounts_of,
    find_accounts,
    insert_customers,
)
from tradepost.accounts.store.people import page as page_of_accounts
from tradepost.accounts.store.signing import rotate as rotate_signing_key
from tradepost.accounts.tokens import AccessTokens

__all__ = [
    "FIND_ACCOUNTS",
    "AccessTokens",
    "Account",
    "AccountFilter",
    "AccountMails",
    "CustomerDraft",
    "EmailTaken",
    "Identity",
    "InvalidCredentials",
    "Passwords",
    "Role",
    "account_of",
    "accounts_of",
    "create_customer",
    "create_key",
    "ensure_customer",
    "ensure_key",
    "ensure_staff",
    "find_accounts",
    "forget_old",
    "hash_secret",
    "insert_customers",
    "key_of",
    "page_of_accounts",
    "revoke_key",
    "rotate_signing_key",
]
