"""Why UPS refuses, in our words where they are known."""

import re

import msgspec

from tradepost.core.errors import FieldError, Invalid
from tradepost.shipping.carriers.model import CarrierUnavailable, Consignment, bounded, not_offered, refused
from tradepost.shipping.carriers.ups.answers import Fault, FaultAnswer

_NO_SUCH_SERVICE = {"111057", "111100", "111210", "121057", "121100", "121210"}
"""The service is unknown, or does not go from here, or not from here to there: while rating 11…, while shipping 12…"""
_OF_SENDER = re.compile(r"ship(per|[ ]?from)", re.IGNORECASE)
_OF_RECIPIENT = re.compile(r"ship[ ]?to", re.IGNORECASE)
_FIELDS = [
    ("postal code", "postalCode", "invalid_postal_code"),
    ("phone", "phone", "invalid_phone"),
    ("state", "state", "unknown_state"),
    ("city", "city", "invalid_value"),
    ("country", "country", "unknown_country"),
    ("address line", "lines", "invalid_value"),
]
"""UPS has some hundred codes for these, and words that do not change: what a message names first is what is wrong."""


def faults(body: bytes) -> list[Fault]:
    """CarrierUnavailable where a refusal gives no reason: a proxy's page perhaps."""
    try:
        found = msgspec.json.decode(body, type=FaultAnswer).response.errors
    except msgspec.DecodeError:
        raise CarrierUnavailable("ups: refused in words that cannot be read") from None
    if not found:
        raise CarrierUnavailable("ups: refused without a reason")
    return found


def refusal(body: bytes, consignment: Consignment, *, service: str = "") -> Invalid:
    """The CarrierRefused or ServiceNotOffered that a body of errors means. Raises CarrierUnavailable."""
    found = faults(body)
    if any(fault.code in _NO_SUCH_SERVICE for fault in found):
        return not_offered("ups", service or "any service between these places")
    pointed = [error for fault in found if (error := _pointed(fault, consignment))]
    return plain_refusal(found, errors=tuple(pointed))


def plain_refusal(found: list[Fault], *, errors: tuple[FieldError, ...] = ()) -> Invalid:
    return refused("ups", "; ".join(f"{fault.message} ({fault.code})" for fault in found), errors=errors)


def _pointed(fault: Fault, consignment: Consignment) -> FieldError | None:
    said = fault.message.lower()
    if "weight" in said:
        return FieldError("/parcels", "out_of_range", bounded(fault.message))
    named = [(said.find(words), field, code) for words, field, code in _FIELDS if words in said]
    if not named:
        return None
    _, field, code = min(named)
    return FieldError(f"/{_whose(fault.message, consignment)}/{field}", code, bounded(fault.message))


def _whose(message: str, consignment: Consignment) -> str:
    """Where a message does not say whose address it means, it often quotes the postal code."""
    if _OF_RECIPIENT.search(message):
        return "recipient"
    ours, theirs = consignment.sender.postal_code, consignment.recipient.postal_code
    quotes_ours = bool(ours) and ours != theirs and ours in message
    return "sender" if _OF_SENDER.search(message) or quotes_ours else "recipient"
