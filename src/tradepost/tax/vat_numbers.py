"""Numbers by which the European Union's traders are known. Only their form is looked at, check digits included."""

from tradepost.core.errors import invalid


def written(number: str, *, pointer: str) -> str:
    """A number as it is kept: with its country, in capitals, without spaces and dots. ValidationFailed.

    Whether somebody has it, only the Union's own service says; that is asked by who grants the exemption.
    """
    from stdnum.eu import vat  # noqa: PLC0415 - it loads the rules of all countries, which takes a tenth of a second
    from stdnum.exceptions import ValidationError  # noqa: PLC0415 - as above

    try:
        return vat.validate(number)
    except ValidationError:
        raise invalid(pointer, "invalid_vat_number", "is no VAT number of a country of the European Union") from None
