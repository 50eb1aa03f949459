"""What is taxed how, where and when, and who is not: from a table of rates, or by a service that may be down."""

from tradepost.tax.actions import load_europe
from tradepost.tax.asking import TABLE, TaxService, ask, check_name, service_of
from tradepost.tax.choosing import Exempt, Exemptions, Rates, exemptions_wanted, of_store, wanted
from tradepost.tax.europe import Loaded
from tradepost.tax.model import STANDARD, Answered, net_unit
from tradepost.tax.provider import Line, Provider, Question, TaxServiceUnavailable

__all__ = [
    "STANDARD",
    "TABLE",
    "Answered",
    "Exempt",
    "Exemptions",
    "Line",
    "Loaded",
    "Provider",
    "Question",
    "Rates",
    "TaxService",
    "TaxServiceUnavailable",
    "ask",
    "check_name",
    "exemptions_wanted",
    "load_europe",
    "net_unit",
    "of_store",
    "service_of",
    "wanted",
]
