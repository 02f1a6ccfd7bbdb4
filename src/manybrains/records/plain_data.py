"""Frozen dataclasses to plain data, and back; an error names the field that does not fit."""

import dataclasses
import functools
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

__all__ = ["fields_of", "from_plain"]

Reader = Callable[[Any], Any]


class _MisfitError(Exception):
    """A value does not fit its field; each level adds its part of the path to `where`."""

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem)
        self.where = where


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name; `json.dumps` can use this as its `default`."""
    return {name: getattr(value, name) for name in _names(value.__class__)}


def from_plain(kind: Any, data: Any, where: str) -> Any:
    """Return `data` as the type `kind`.

    Raises:
        ValueError: if it does not fit; the message says where in the data.
    """
    try:
        return _reader(kind)(data)
    except _MisfitError as misfit:
        raise ValueError(f"{where}{misfit.where} {misfit}") from None


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _reader(kind: Any) -> Reader:
    """Return the function that reads this type; it is made once, as a run has many samples."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _reader_of_dataclass(typing.cast("type", kind))
    if origin is tuple:
        return _reader_of_list(kind, _reader(inside[0]))
    if origin is types.UnionType:
        some = _reader(inside[0])
        return lambda data: None if data is None else some(data)
    if origin is typing.Literal:
        return _reader_of(kind, lambda data: isinstance(data, str) and data in inside)
    if kind is float:
        as_it_is = _reader_of(kind, _is_number)
        return lambda data: float(as_it_is(data))
    return _reader_of(kind, lambda data: type(data) is kind)


def _is_number(data: Any) -> bool:
    return type(data) in (int, float) and abs(data) <= sys.float_info.max


def _reader_of(kind: Any, fits: Callable[[Any], bool]) -> Reader:
    def read(data: Any) -> Any:
        if fits(data):
            return data
        raise _wrong(kind, data)

    return read


def _wrong(kind: Any, data: Any) -> _MisfitError:
    wanted = getattr(kind, "__name__", None) if typing.get_origin(kind) is None else str(kind)
    return _MisfitError(f"should be {wanted}, not {_short(data)}")


def _reader_of_list(kind: Any, item: Reader) -> Reader:
    def read(data: Any) -> Any:
        if not isinstance(data, list):
            raise _wrong(kind, data)
        done: list[Any] = []
        try:
            for each in data:
                done.append(item(each))  # then the length of `done` tells which item did not fit
        except _MisfitError as misfit:
            misfit.where = f"[{len(done)}]{misfit.where}"
            raise
        return tuple(done)

    return read


def _reader_of_dataclass(kind: type) -> Reader:
    names, hints = _names(kind), typing.get_type_hints(kind)
    readers = [(name, _reader(hints[name])) for name in names]
    known = frozenset(names)

    def read(data: Any) -> Any:
        if not isinstance(data, dict):
            raise _MisfitError(f"should be an object, not {_short(data)}")
        if data.keys() != known:
            raise _other_fields(names, data)
        values: list[Any] = []
        try:
            for name, reader in readers:
                values.append(reader(data[name]))
        except _MisfitError as misfit:
            misfit.where = f".{names[len(values)]}{misfit.where}"
            raise
        return kind(*values)

    return read


def _other_fields(names: tuple[str, ...], data: dict[str, Any]) -> _MisfitError:
    for name in names:
        if name not in data:
            return _MisfitError("is missing", f".{name}")
    unknown = next(name for name in data if name not in names)
    return _MisfitError(f"has no field {_short(unknown)}")


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 40 else text[:37] + "..."
