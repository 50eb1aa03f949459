from tradepost.events import Fact


class StoreCreated(Fact, frozen=True):
    subject_type = "store"
    slug: str
    currency: str
