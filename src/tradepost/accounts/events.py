from tradepost.events import Fact


class CustomerCreated(Fact, frozen=True):
    subject_type = "customer"


class ApiKeyCreated(Fact, frozen=True):
    subject_type = "api_key"
    name: str
    scopes: list[str]


class ApiKeyRevoked(Fact, frozen=True):
    subject_type = "api_key"
