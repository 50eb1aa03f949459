"""What is written in a cell, both ways: what is written is read back as it was."""

import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TOKEN = re.compile(r"\\.?|[^\\]", re.DOTALL)
_SPECIAL = re.compile(r"[\\|>:]")


def guarded(text: str) -> str:
    """A cell that no spreadsheet program takes for a formula: one that could be gets an apostrophe in front."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """What was in a cell before `guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def joined(parts: Iterable[str], separator: str) -> str:
    """Several values in one cell."""
    return separator.join(escaped(part) for part in parts)


def escaped(part: str) -> str:
    """A value that has neither a separator in it, nor a space at an end, which a reader would take off."""
    if part != part.strip(" "):
        inner = part.strip(" ")
        front = len(part) - len(part.lstrip(" ")) if inner else len(part)
        return r"\s" * front + escaped(inner) + r"\s" * (len(part) - front - len(inner))
    return _SPECIAL.sub(r"\\\g<0>", part)


def unescaped(part: str) -> str:
    part = part.strip()
    return _ESCAPED.sub(lambda found: " " if found[1] == "s" else found[1], part) if "\\" in part else part


def parted(cell: str, separator: str) -> list[str]:
    """The values in a cell, still escaped: `unescaped` makes them what they were."""
    if "\\" not in cell:
        return cell.split(separator)
    parts = [""]
    for token in _TOKEN.findall(cell):
        if token == separator:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def listed(cell: str) -> list[str]:
    """The values of a cell such as `Front | Back`."""
    return [unescaped(part) for part in parted(cell, "|")]


def path(cell: str) -> tuple[str, ...]:
    """The names of a cell such as `Home > Kitchen`."""
    return tuple(unescaped(part) for part in parted(cell, ">"))


def options(cell: str) -> dict[str, str] | None:
    """The options of a cell such as `size: M | colour: Red`; None where it is not of that form."""
    pairs = [parted(part, ":") for part in parted(cell, "|")]
    found = {unescaped(name): unescaped(":".join(value)) for name, *value in pairs}
    return found if len(found) == len(pairs) and all(found) and all(found.values()) else None


def written_path(names: Sequence[str]) -> str:
    return joined(names, " > ")


def written_options(combination: dict[str, str]) -> str:
    return " | ".join(f"{escaped(name)}: {escaped(value)}" for name, value in combination.items())
