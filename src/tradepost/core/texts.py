"""Text as people type it, made comparable."""

import re
import unicodedata
from functools import lru_cache

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_WORD = re.compile(r"[^\W_]+(?:[.@+_-]+[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[04-9]|6")
_MOST_LETTERS = 60
_MOST_SEARCHED = 20


def has_forbidden(value: str) -> bool:
    """Control characters, bidirectional controls and zero-width characters: never part of honest text here."""
    return _FORBIDDEN.search(value) is not None


def has_card_number(value: str) -> bool:
    """Whether the number of a payment card is in it: as issuers give them, with a good check digit (ISO/IEC 7812)."""
    for match in _CARD.finditer(value):
        digits = re.sub(r"[ -]", "", match[0])
        if _ISSUERS.match(digits) and _luhn(digits):
            return True
    return False


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(two // 10 + two % 10 for two in doubled)) % 10 == 0


def normal_email(email: str) -> str:
    """The form by which two addresses are the same: NFC, case folded."""
    return unicodedata.normalize("NFC", email).casefold()


def tokens(value: str) -> list[str]:
    """The whole words of a text, folded: an e-mail address or an order number is one word."""
    return [word[:_MOST_LETTERS] for word in _WORD.findall(_folded(value))]


def words(value: str) -> set[str]:
    """What a text is found by: its whole words and their parts. Letters, digits and . @ + _ - only."""
    found: set[str] = set()
    for word in tokens(value):
        found.add(word)
        if not word.isalnum():
            found.update(_PART.findall(word))
    return found


def prefix_query(text: str) -> str:
    """A tsquery of which every word must begin a word of what is found; a text without words finds nothing."""
    return " & ".join(f"'{word}':*" for word in tokens(text)[:_MOST_SEARCHED]) or "'~'"


@lru_cache(8192)
def words_of(value: str) -> frozenset[str]:
    """The same, remembered: names of people and products come again and again."""
    return frozenset(words(value))


def _folded(value: str) -> str:
    return value.lower() if value.isascii() else unicodedata.normalize("NFKC", value).casefold()


def slug(value: str) -> str:
    """A name as part of an address: ASCII letters, digits, single hyphens."""
    ascii_ = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_).strip("-")[:100].strip("-")
