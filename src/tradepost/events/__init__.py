"""Facts, published in the transaction that makes them true: audit trail, outbox and numbered feed in one."""

from tradepost.events.model import Event, Fact
from tradepost.events.store import feed, newest, of_subjects, publish, publish_each, publish_first, publish_many

__all__ = ["Event", "Fact", "feed", "newest", "of_subjects", "publish", "publish_each", "publish_first", "publish_many"]
