"""Words as PostgreSQL's `tsvector` and `tsquery`, written out: no parser of the server's sees what people type.

A word stands as it is and as its stem, so that the exact form counts for more.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from tradepost.search.engine import Document
from tradepost.search.postgres.stemming import Stems
from tradepost.search.words import Term, parts, wholes

Weight = Literal["A", "B", "C", "D"]
_MOST_POSITIONS = 16_000
_MOST_PLACES = 200


def fields(document: Document) -> list[tuple[Weight, str]]:
    """Texts of a document by how much they count."""
    return [
        ("A", document.name),
        *(("A", code) for code in document.codes),
        *(("B", name) for name in document.categories),
        ("C", document.short_description),
        ("D", document.description),
    ]


def words_of(texts: Iterable[str]) -> set[str]:
    """All that may have a stem."""
    return {part for text in texts for whole in wholes(text) for part in parts(whole)}


def vector(texts: Sequence[tuple[Weight, str]], stems: Mapping[str, str]) -> str:
    """A `tsvector`. What comes behind the sixteen thousandth word is found, too, but all at one place."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    position = 0
    for weight, text in texts:
        for whole in wholes(text):
            position = min(position + 1, _MOST_POSITIONS)
            inner = parts(whole)
            for lexeme in dict.fromkeys([whole, *inner, *(stems[part] for part in inner if part in stems)]):
                if len(places[lexeme]) < _MOST_PLACES:
                    places[lexeme].append(f"{position}{weight}")
    return " ".join(f"'{lexeme}':{','.join(listed)}" for lexeme, listed in places.items())


def query(terms: Sequence[Term], stems: Stems, *, weight: Literal["", "A"] = "") -> str | None:
    """A `tsquery` that asks for every word, common ones only where there are no others; None where there is no word."""
    telling = [term for term in terms if term.is_prefix or not stems.common.issuperset(term.parts)]
    return " & ".join(one(term, stems.stems, weight) for term in telling or terms) or None


def one(term: Term, stems: Mapping[str, str], weight: Literal["", "A"] = "") -> str:
    """A `tsquery` of one word: as it is, by its stem, or by its parts."""
    *before, last = term.parts
    inner = [*(_either(part, stems, "", weight) for part in before)]
    inner.append(_either(last, stems, "*" if term.is_prefix else "", weight))
    together = " & ".join(inner)
    if not before:
        return together
    return f"({_lexeme(term.whole, '*' if term.is_prefix else '', weight)} | ({together}))"


def _either(word: str, stems: Mapping[str, str], prefix: Literal["", "*"], weight: Literal["", "A"]) -> str:
    written = _lexeme(word, prefix, weight)
    return f"({written} | {_lexeme(stems[word], '', weight)})" if word in stems else written


def _lexeme(word: str, prefix: Literal["", "*"], weight: Literal["", "A"]) -> str:
    """Words have no quotes and no backslashes: see words.py."""
    mark = f"{prefix}{weight}"
    return f"'{word}':{mark}" if mark else f"'{word}'"
