"""Where a parcel goes, as far as prices depend on it."""

import re

import msgspec

_NOT_PART = re.compile(r"[\s-]+")


class Place(msgspec.Struct, frozen=True):
    """A country (ISO 3166-1 alpha-2), and perhaps a state and a postal code of it. Two are compared as `normal`."""

    country: str
    state: str | None = None
    postal_code: str | None = None

    def normal(self) -> "Place":
        """The same as `normal_state` and `normal_postal_code` write it; what is blank is None."""
        return Place(
            self.country,
            normal_state(self.state) if self.state else None,
            normal_postal_code(self.postal_code) if self.postal_code else None,
        )


def normal_state(written: str) -> str | None:
    """In capitals, with single spaces; None where nothing is left."""
    return " ".join(written.upper().split()) or None


def normal_postal_code(written: str) -> str | None:
    """In capitals, without spaces and hyphens: `SW1Y 4JH` is `SW1Y4JH`. None where nothing is left."""
    return _NOT_PART.sub("", written.upper()) or None
