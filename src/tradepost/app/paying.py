"""The payment providers of an installation, as its settings name them."""

from tradepost.app.settings import Settings
from tradepost.db import Database
from tradepost.payments import Provider, Providers, StripeInbox
from tradepost.payments.providers.fake import Fake
from tradepost.payments.providers.manual import Manual

_LIVE = ("sk_live_", "rk_live_")


def providers_of(settings: Settings, db: Database) -> Providers:
    """In the order of the setting."""
    return Providers([_provider(name, settings, db) for name in settings.payment_providers])


def load(settings: Settings) -> None:
    """Loads what takes long, once, before processes are forked: each new one would do it again."""
    if "stripe" in settings.payment_providers:
        _stripe(settings)


def stripe_inbox_of(settings: Settings) -> StripeInbox:
    """What takes Stripe's messages; without a secret it takes none."""
    is_live = (settings.stripe_secret_key or "").startswith(_LIVE)
    return StripeInbox(settings.webhook_secrets, livemode=is_live)


def _provider(name: str, settings: Settings, db: Database) -> Provider:
    if name == "manual":
        return Manual()
    if name == "fake":
        return Fake(db)
    return _stripe(settings)


def _stripe(settings: Settings) -> Provider:
    from tradepost.payments.providers.stripe import Stripe  # noqa: PLC0415 - its HTTP client takes 0.4 s to load

    return Stripe(settings.stripe_secret_key or "", url=settings.stripe_url, seconds=settings.stripe_seconds)
