"""Changes to values: a struct whose fields are UNSET where a thing stays as it is."""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

Value = TypeVar("Value", bound=msgspec.Struct)


def given(changes: msgspec.Struct) -> dict[str, Any]:
    """The fields that are not UNSET."""
    return {name: value for name in changes.__struct_fields__ if (value := getattr(changes, name)) is not UNSET}


def applied(value: Value, changes: msgspec.Struct) -> Value:
    """The value with the changes."""
    return msgspec.structs.replace(value, **given(changes))


def differing(before: msgspec.Struct, after: msgspec.Struct, *, but: str = "") -> list[str]:
    """The wire names of the fields in which two values of a type differ; `but` one is not looked at."""
    return [
        field.encode_name
        for field in msgspec.structs.fields(before)
        if field.name != but and getattr(before, field.name) != getattr(after, field.name)
    ]
