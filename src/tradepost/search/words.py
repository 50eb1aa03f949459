"""Text as a search compares it: words without case and accents, the same for what is looked for and looked in."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import msgspec

MOST_WORDS = 20
_MOST_LETTERS = 60
_WORD = re.compile(r"[^\W_]+(?:[.@+_/-]+[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_UNLIKE_ASCII = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"})


class Part(msgspec.Struct, frozen=True):
    """A piece of a name, and whether it is what was looked for. Plain text: whoever shows it escapes it."""

    text: str
    matched: bool


class Term(msgspec.Struct, frozen=True):
    """A word that is looked for. One such as `t-shirt` is found as a whole, or by its parts together."""

    whole: str
    parts: tuple[str, ...]
    is_prefix: bool


@lru_cache(8192)
def fold(text: str) -> str:
    """Without case, accents and other marks; `ß` is `ss`, and full-width letters are ordinary ones."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(letter for letter in apart if not _is_mark(letter)).translate(_UNLIKE_ASCII)


def wholes(text: str) -> list[str]:
    """The words of a text, in order. An e-mail address or a SKU is one."""
    return [word[:_MOST_LETTERS] for word in _WORD.findall(fold(text))]


def parts(word: str) -> list[str]:
    """What a word such as `t-shirt` is made of; itself alone otherwise."""
    return _PART.findall(word)


def terms(text: str, *, shortest_prefix: int = 2) -> list[Term]:
    """What somebody looks for, up to the twentieth word; the last one may go on, if it has so many letters."""
    words = wholes(text)[:MOST_WORDS]
    last = len(words) - 1
    return [
        Term(word, tuple(parts(word)), at == last and len(word) >= shortest_prefix) for at, word in enumerate(words)
    ]


def forms(asked: Sequence[Term]) -> set[str]:
    """Every word of a query that may have a stem."""
    return {part for term in asked for part in term.parts}


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """A text cut into words and what is between them; together they are the text. A mark belongs to its letter."""
    for is_word, letters in groupby(text, key=lambda letter: letter.isalnum() or _is_mark(letter)):
        yield "".join(letters), is_word


def highlight(name: str, matches: Callable[[str], bool]) -> tuple[Part, ...]:
    """A name in parts, neighbours that are alike joined."""
    marked = ((text, is_word and matches(fold(text))) for text, is_word in pieces(name))
    return tuple(
        Part("".join(text for text, _ in alike), matched) for matched, alike in groupby(marked, key=lambda one: one[1])
    )


def matcher(asked: Sequence[Term], stems: Mapping[str, str], of_name: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a word of a name is one of those looked for, by itself or by its stem."""
    exact = forms(asked)
    wanted = {stems.get(word, word) for word in exact}
    beginnings = tuple(term.parts[-1] for term in asked if term.is_prefix)

    def matches(word: str) -> bool:
        return word in exact or of_name.get(word, word) in wanted or word.startswith(beginnings)

    return matches


def lexicon(texts: Sequence[str]) -> list[str]:
    """The words that others may have been meant for: letters only, and enough of them."""
    words = {part for text in texts for part in _PART.findall(fold(text))}
    return sorted(word for word in words if 3 <= len(word) <= 30 and word.isalpha())  # noqa: PLR2004 - see the docstring


def _is_mark(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter).startswith("M")
