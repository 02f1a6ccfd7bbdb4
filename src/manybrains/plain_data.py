"""Frozen dataclasses as plain data, and back: whatever does not fit is named by its field."""

import dataclasses
import sys
import types
import typing
from typing import Any

__all__ = ["from_plain", "to_plain"]


def to_plain(value: Any) -> Any:
    """Return dataclasses as dicts and tuples as lists, all the way down."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [to_plain(item) for item in value] if isinstance(value, tuple) else value


def from_plain(kind: Any, data: Any, where: str) -> Any:
    """Return `data` as the type `kind`, or say where it does not fit."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(typing.cast(type, kind), data, where)
    if origin is tuple and isinstance(data, list):
        return tuple(from_plain(inside[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if origin is types.UnionType:
        return None if data is None else from_plain(inside[0], data, where)
    if origin is typing.Literal and isinstance(data, str) and data in inside:
        return data
    if kind is float and type(data) in (int, float) and abs(data) <= sys.float_info.max:
        return float(data)
    if kind in (str, int, bool) and type(data) is kind:
        return data
    wanted = getattr(kind, "__name__", None) if origin is None else str(kind)
    raise ValueError(f"{where} should be {wanted}, not {_short(data)}")


def _read_dataclass(kind: type, data: Any, where: str) -> Any:
    types_of = typing.get_type_hints(kind)
    if not isinstance(data, dict):
        raise ValueError(f"{where} should be an object, not {_short(data)}")
    names = [f.name for f in dataclasses.fields(kind)]
    for name in names:
        if name not in data:
            raise ValueError(f"{where}.{name} is missing")
    for name in data:
        if name not in names:
            raise ValueError(f"{where} has no field {_short(name)}")
    return kind(
        **{name: from_plain(types_of[name], data[name], f"{where}.{name}") for name in names}
    )


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 40 else text[:37] + "..."
