"""Weights and sizes as UPS wants them, rounded up: a parcel is never announced lighter or smaller than it is."""

from tradepost.shipping.carriers.model import Dimensions, Parcel

_IMPERIAL = {"US", "PR"}
_POUND = 45_359_237
"""Hundred-thousandths of a gram (the international pound, exactly)."""


def weight(parcel: Parcel, country: str) -> dict[str, object]:
    """With one decimal, and at least 0.1, as UPS carries nothing that weighs nothing."""
    if country in _IMPERIAL:
        return {"UnitOfMeasurement": {"Code": "LBS"}, "Weight": _decimal(tenths_of_pounds(parcel.weight), 1)}
    return {"UnitOfMeasurement": {"Code": "KGS"}, "Weight": _decimal(tenths_of_kilograms(parcel.weight), 1)}


def size(dimensions: Dimensions, country: str) -> dict[str, object]:
    """With two decimals; the longest side is the length."""
    sides = sorted((dimensions.length, dimensions.width, dimensions.height), reverse=True)
    inches = country in _IMPERIAL
    written = [_decimal(hundredths_of_inches(side) if inches else side * 10, 2) for side in sides]
    unit = {"UnitOfMeasurement": {"Code": "IN" if inches else "CM"}}
    return {**unit, **dict(zip(("Length", "Width", "Height"), written, strict=True))}


def tenths_of_pounds(grams: int) -> int:
    return _up(max(grams, 1) * 10 * 100_000, _POUND)


def tenths_of_kilograms(grams: int) -> int:
    return _up(max(grams, 1), 100)


def hundredths_of_inches(millimetres: int) -> int:
    """An inch is 25.4 mm, exactly."""
    return _up(millimetres * 1000, 254)


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def _decimal(scaled: int, places: int) -> str:
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}"
