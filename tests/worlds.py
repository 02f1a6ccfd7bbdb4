"""Worlds of chance, to find out whether a sentence can be true and can be false.

In such a world each name is a stand-in, for anything: its attributes, what it returns and what
lies in it are stand-ins too.  What has the same origin is the same in one world; everything else
is drawn by lot, and the constants of the expressions are likely.  What is true in all worlds
says nothing about what was measured.
"""

import ast
import builtins
import math
import operator
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from types import CodeType
from typing import Any, NamedTuple

__all__ = ["PLAIN", "both_ways"]

TRIES = 4_000  # worlds; mostly a handful will do
VALUE, BOUND = "the value", "the bound"  # beside the names of the lesson
LONGEST = 120  # elements that are gone through
# The built-in functions that stand for themselves.
PLAIN = {
    name: getattr(builtins, name)
    for name in (
        *("abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "len", "list", "map"),
        *("max", "min", "range", "repr", "round", "set", "sorted", "str", "sum", "tuple", "zip"),
    )
}


class _ImpossibleError(Exception):
    """There is no such world."""


# What an expression may raise that was made for other things than stand-ins.
NO_SUCH_WORLD = (
    _ImpossibleError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def both_ways(
    value: ast.expr, kind: str, bound: ast.expr | None, bindings: Mapping[str, ast.expr]
) -> set[bool]:
    """What comes of a value that is to be `kind` the bound: {True, False} if both can be.

    Without a bound the value is to be true.  Names that have bindings stand for those.
    """
    used = [value, *([bound] if bound else []), *bindings.values()]
    nodes = [node for one in used for node in ast.walk(one)]
    likely = [node.value for node in nodes if isinstance(node, ast.Constant)]
    likely += [len(node.elts) for node in nodes if isinstance(node, ast.List | ast.Tuple | ast.Set)]
    parts = {**bindings, VALUE: value, BOUND: bound or ast.Constant(True)}
    code = {name: _Code.of(one) for name, one in parts.items()}
    found: set[bool] = set()
    for seed in range(TRIES):
        world = _World(seed, likely, code)
        try:
            found.add(_is_so(world[VALUE], kind, world[BOUND]))
        except NO_SUCH_WORLD:
            continue
        if len(found) == 2:
            break
    return found


class _Code(NamedTuple):
    """An expression that can be evaluated, and the names in it."""

    compiled: CodeType
    names: frozenset[str]

    @classmethod
    def of(cls, expression: ast.expr) -> "_Code":
        whole = ast.fix_missing_locations(ast.Expression(expression))
        names = {node.id for node in ast.walk(whole) if isinstance(node, ast.Name)}
        return cls(compile(whole, "claim", "eval"), frozenset(names))


def _is_so(value: Any, kind: str, bound: Any) -> bool:
    if not kind:
        return bool(value)
    if kind == "equals":
        return bool(value == bound)
    figure = statistics.median(map(_number, value)) if isinstance(value, list) else _number(value)
    return figure > _number(bound) if kind == "above" else figure < _number(bound)


class _World(dict[str, Any]):
    """One draw of everything, by name."""

    def __init__(self, seed: int, likely: Sequence[Any], code: Mapping[str, _Code]) -> None:
        super().__init__(PLAIN)
        self.seed = seed
        self.code = code
        self.texts = [one for one in likely if isinstance(one, str)]
        self.numbers = [one for one in likely if isinstance(one, int | float)]
        self.plain = [one for one in likely if not isinstance(one, bool)] or [0]
        self.mood = self.chance("mood").choice([0.1, 0.5, 0.5, 0.9])

    def chance(self, *origin: object) -> Random:
        return Random(f"{self.seed} {origin}")

    def __missing__(self, name: str) -> Any:
        self[name] = self._evaluated(self.code[name]) if name in self.code else _StandIn(self, name)
        return self[name]

    def _evaluated(self, code: _Code) -> Any:
        names = {name: self[name] for name in code.names}
        return eval(code.compiled, {"__builtins__": {}, **names})


def _origin(thing: object) -> str:
    if isinstance(thing, _StandIn):
        return thing._origin
    if isinstance(thing, list | tuple | set | frozenset):
        return f"{type(thing).__name__}({', '.join(map(_origin, thing))})"
    return repr(thing)


def _number(thing: Any) -> float:
    """The number that is compared, or calculated with."""
    if isinstance(thing, _StandIn):
        return thing._number()
    if isinstance(thing, int | float):
        return thing
    raise _ImpossibleError(f"{thing!r} is no number")


def _compared(compare: Callable[[Any, Any], Any]) -> Any:
    return lambda self, other: compare(_number(self), _number(other))


def _calculated(do: Callable[[Any, Any], Any], turned: bool = False) -> Any:
    def result(self: "_StandIn", other: Any) -> "_StandIn":
        first, second = (other, self) if turned else (self, other)
        figure = do(_number(first), _number(second))
        return _StandIn(self._world, f"({_origin(first)} {do.__name__} {_origin(second)})", figure)

    return result


def _joined(sign: str) -> Any:
    return lambda self, other: _StandIn(self._world, f"({_origin(self)} {sign} {_origin(other)})")


class _StandIn:
    """Something of this origin, of which nothing else is known."""

    def __init__(self, world: _World, origin: str, figure: float | None = None) -> None:
        self._world = world
        self._origin = origin
        self._figure = figure

    def _number(self) -> float:
        if self._figure is not None:
            return self._figure
        chance = self._world.chance(self._origin, "number")
        near = [near for one in self._world.numbers for near in (one, one, one - 1, 1.1 * one)]
        far = chance.choice([-1, 1, 1]) * 10 ** chance.uniform(-4, 9)
        return chance.choice([0, 1, *near]) if chance.random() < 0.6 else far

    def __getattr__(self, name: str) -> "_StandIn":
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandIn(self._world, f"{self._origin}.{name}")

    def __getitem__(self, key: object) -> "_StandIn":
        return _StandIn(self._world, f"{self._origin}[{_origin(key)}]")

    def __call__(self, *args: object, **options: object) -> "_StandIn":
        given = ", ".join(map(_origin, [*args, *sorted(options.items())]))
        return _StandIn(self._world, f"{self._origin}({given})")

    def __len__(self) -> int:
        chance = self._world.chance(self._origin, "length")
        whole = [one for one in self._world.numbers if one == int(one) and one >= 0]
        return int(chance.choice([0, 1, 2, 3, *whole, *whole]))

    def __iter__(self) -> Iterator[Any]:
        if len(self) > LONGEST:
            raise _ImpossibleError(f"{len(self)} are too many")
        chance = self._world.chance(self._origin, "kind")
        plain = chance.random() < 0.3
        for place in range(len(self)):
            yield chance.choice(self._world.plain) if plain else self[place]

    def __contains__(self, one: object) -> bool:
        return self._coin(f"{_origin(one)} in")

    def __bool__(self) -> bool:
        return self._coin("bool")

    def _coin(self, *about: object) -> bool:
        return self._world.chance(self._origin, *about).random() < self._world.mood

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _StandIn):
            one, two = sorted([self._origin, other._origin])
            return one == two or self._world.chance(one, "==", two).random() < self._world.mood
        return (isinstance(other, int | float) and self._number() == other) or self._coin(
            "==", _origin(other)
        )

    def __hash__(self) -> int:
        return hash(self._origin)

    def __repr__(self) -> str:
        chance = self._world.chance(self._origin, "text")
        return str(chance.choice([self._origin, *self._world.texts]))

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __abs__(self) -> float:
        return abs(self._number())

    def __neg__(self) -> float:
        return -self._number()

    def __round__(self, digits: int | None = None) -> float:
        return round(self._number(), digits)

    __lt__, __le__ = _compared(operator.lt), _compared(operator.le)
    __gt__, __ge__ = _compared(operator.gt), _compared(operator.ge)
    __add__, __radd__ = _calculated(operator.add), _calculated(operator.add)
    __mul__, __rmul__ = _calculated(operator.mul), _calculated(operator.mul)
    __sub__, __rsub__ = _calculated(operator.sub), _calculated(operator.sub, turned=True)
    __truediv__ = _calculated(operator.truediv)
    __rtruediv__ = _calculated(operator.truediv, turned=True)
    __floordiv__ = _calculated(operator.floordiv)
    __rfloordiv__ = _calculated(operator.floordiv, turned=True)
    __mod__, __pow__ = _calculated(operator.mod), _calculated(math.pow)
    __and__, __rand__ = _joined("&"), _joined("&")
    __or__, __ror__ = _joined("|"), _joined("|")
