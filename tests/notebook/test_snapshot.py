"""What a worker that is not forked gets: the same names, with the same answers, as a script's."""

import json
import os
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from manybrains.notebook.script import Script

# What multiprocessing.spawn does with the main module of the parent, and then a question to it.
WORKER = """\
import json, multiprocessing.spawn, pickle, sys
sys.path[:0] = json.loads(sys.argv[3])
multiprocessing.spawn._fixup_main_from_path(sys.argv[1])
class Names(dict):
    def __missing__(self, name):
        try:
            return getattr(sys.modules["__main__"], name)
        except AttributeError:
            raise KeyError(name) from None
print(repr(eval(sys.argv[2], Names())))
"""


def asked(main: Path, question: str, *paths: Path) -> str:
    """Return the answer, as text, of a process that has this file as its main module."""
    folders = json.dumps([str(path) for path in paths])
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(main), question, folders],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


class Notebook:
    """A notebook without a kernel: cells run in a main module of their own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.module = types.ModuleType("__main__")
        patch.setitem(sys.modules, "__main__", self.module)
        self._cells: list[str] = []
        self.folder = folder
        self.script = Script(folder, vars(self.module), self._is_hidden, lambda _: None)

    def _is_hidden(self, name: str) -> bool:
        return name in {"exit", "In"}

    def run(self, *cells: str) -> "Notebook":
        for cell in cells:
            self._cells.append(cell)
            exec(compile(cell, f"cell {len(self._cells)}", "exec"), vars(self.module))
        return self

    def ask(self, question: str) -> str:
        return asked(self.script.write(), question)

    def ask_script(self, question: str) -> str:
        path = self.folder / "as_script.py"
        path.write_text("\n".join(self._cells))
        return asked(path, question)


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return Notebook(tmp_path, monkeypatch)


# name: (cells, question)
SAME_AS_A_SCRIPT: dict[str, tuple[Sequence[str], str]] = {
    "a function": (["def f(x): return x * x"], "f(3)"),
    "a recursive function": (["def f(n): return 1 if n < 2 else n * f(n - 1)"], "f(5)"),
    "functions that call each other": (
        ["def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)"],
        "even(10)",
    ),
    "a function that was defined again": (["def f(): return 1", "def f(): return 2"], "f()"),
    "a function that its own name decorates": (
        ["def f(x): return x + 1", "def twice(f): return lambda x: 2 * f(x)", "f = twice(f)"],
        "f(1)",
    ),
    "defaults and keyword defaults": (["def f(a, b=2, *, c=[3]): return a, b, c"], "f(1)"),
    "a default that is another function": (["def g(): return 7", "def f(g=g): return g()"], "f()"),
    "attributes of a function": (["def f(): return f.calls", "f.calls = 3"], "f()"),
    "the doc and the name": (["def f():\n    'Says.'"], "f.__doc__, f.__name__, f.__qualname__"),
    "annotations": (["def f(x: int) -> str: return x"], "f.__annotations__"),
    "annotations of the future": (
        ["from __future__ import annotations\ndef f(x: Later) -> Later: return x"],
        "f(1), f.__annotations__",
    ),
    "an annotation with a class of the notebook": (
        ["class A: pass", "def f(x: A | None = None) -> list[A]: return [x]"],
        "f(), f.__annotations__['return'] == list[A]",
    ),
    "a closure": (
        ["def adder(n):\n    def add(x): return x + n\n    return add", "add2 = adder(2)"],
        "add2(3)",
    ),
    "two closures that share a variable": (
        [
            "def pair():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n"
            "    def read(): return n\n    return up, read",
            "up, read = pair()\ndef f():\n    up(); up()\n    return read()",
        ],
        "f()",
    ),
    "a closure that calls itself": (
        ["def make():\n    def f(n): return 1 if n < 2 else n * f(n - 1)\n    return f", "f = make()"],
        "f(5)",
    ),
    "a lambda with a name": (["half = lambda x: x / 2", "def f(x): return half(x)"], "f(1)"),
    "a wrapper of functools.wraps": (
        [
            "import functools\ndef twice(fn):\n    @functools.wraps(fn)\n"
            "    def inner(x): return 2 * fn(x)\n    return inner",
            "@twice\ndef f(x):\n    'Doc.'\n    return x + 1",
        ],
        "f(1), f.__doc__, f.__wrapped__(1)",
    ),
    "a decorator with arguments that counts": (
        [
            "COUNT = {}\ndef counted(name):\n    def wrap(fn):\n        COUNT[name] = 0\n"
            "        def inner(*a):\n            COUNT[name] += 1\n            return fn(*a)\n"
            "        return inner\n    return wrap",
            "@counted('f')\ndef f(x): return x",
        ],
        "f(1), f(2), COUNT",
    ),
    "a registry": (
        [
            "PLUGINS = {}\ndef plugin(fn):\n    PLUGINS[fn.__name__] = fn\n    return fn",
            "@plugin\ndef square(x): return x * x",
            "@plugin\ndef cube(x): return x ** 3",
            "def f(name, x): return PLUGINS[name](x), PLUGINS['square'] is square",
        ],
        "f('cube', 2)",
    ),
    "lru_cache": (
        ["from functools import lru_cache\n@lru_cache(maxsize=7)\ndef f(x): return x + 1"],
        "f(1), f(1), f.cache_info()",
    ),
    "a cached recursion": (
        ["from functools import cache\n@cache\ndef fib(n): return n if n < 2 else fib(n-1)+fib(n-2)"],
        "fib(30)",
    ),
    "singledispatch": (
        [
            "from functools import singledispatch\n@singledispatch\ndef f(x): return 'other'",
            "@f.register\ndef _(x: int): return 'int'",
            "@f.register(str)\ndef _(x): return 'str'",
        ],
        "f(1), f('a'), f(None), f.__name__",
    ),
    "a singledispatch on a class of the notebook": (
        [
            "from functools import singledispatch\nclass A: pass\nclass B(A): pass",
            "@singledispatch\ndef f(x): return 'other'",
            "@f.register\ndef _(x: A): return 'A'",
        ],
        "f(B()), f(1)",
    ),
    "singledispatchmethod": (
        [
            "from functools import singledispatchmethod\nclass A:\n    @singledispatchmethod\n"
            "    def f(self, x): return 'other'\n    @f.register\n"
            "    def _(self, x: int): return 'int'",
        ],
        "A().f(1), A().f('')",
    ),
    "partial": (
        ["from functools import partial\ndef power(x, n): return x ** n", "cube = partial(power, n=3)"],
        "power(2, n=3)",
    ),
    "a partial that a function uses": (
        [
            "from functools import partial\ndef power(x, n): return x ** n",
            "cube = partial(power, n=3)\ndef f(x): return cube(x)",
        ],
        "f(2)",
    ),
    "a numba-like wrapper": (
        [
            "import functools\nclass jit:\n    def __init__(self, fn):\n        self.fn = fn\n"
            "        functools.update_wrapper(self, fn)\n"
            "    def __call__(self, *a): return self.fn(*a)",
            "@jit\ndef f(x): return x + 1",
            "def g(x): return f(x)",
        ],
        "g(1), f(1)",
    ),
    "a context manager": (
        [
            "from contextlib import contextmanager\n@contextmanager\ndef twice():\n    yield 2",
            "def f():\n    with twice() as n: return n",
        ],
        "f()",
    ),
    "a generator": (["def f():\n    yield from range(3)"], "list(f())"),
    "a coroutine": (["import asyncio\nasync def g(): return 4\ndef f(): return asyncio.run(g())"], "f()"),
    "a class": (["class A:\n    n = 3\n    def f(self): return self.n"], "A().f(), A.__name__"),
    "inheritance and super": (
        ["class A:\n    def f(self): return ['A']", "class B(A):\n    def f(self): return super().f() + ['B']"],
        "B().f()",
    ),
    "a class that extends its own name": (
        ["class A:\n    def f(self): return 1", "class A(A):\n    def g(self): return self.f() + 1"],
        "A().g(), len(A.__mro__)",
    ),
    "a method that was added later": (
        ["class A: pass", "def f(self): return 5\nA.f = f"], "A().f()"
    ),
    "an attribute that was changed later": (["class A: n = 1", "A.n = 10"], "A.n"),
    "static, class and property": (
        [
            "class A:\n    @staticmethod\n    def s(): return 1\n    @classmethod\n"
            "    def c(cls): return cls.__name__\n    @property\n    def p(self): return 3",
        ],
        "A.s(), A.c(), A().p",
    ),
    "cached_property": (
        ["from functools import cached_property\nclass A:\n    @cached_property\n    def p(self): return 3"],
        "A().p",
    ),
    "slots": (["class A:\n    __slots__ = ('x',)\n    def __init__(self): self.x = 1"], "A().x"),
    "a metaclass": (
        ["class M(type):\n    def __len__(cls): return 9", "class A(metaclass=M): pass"], "len(A)"
    ),
    "an abstract class": (
        [
            "from abc import ABC, abstractmethod\nclass A(ABC):\n    @abstractmethod\n"
            "    def f(self): ...",
            "class B(A):\n    def f(self): return 2",
        ],
        "B().f(), isinstance(B(), A)",
    ),
    "classes in a circle": (
        ["class A: pass\nclass B: pass", "A.other = B\nB.other = A"], "A.other.other is A"
    ),
    "functions and classes in a circle": (
        ["class A: pass\ndef f(): return f.kind", "f.kind = A\nA.make = f"], "f() is A"
    ),
    "subclasses that register themselves": (
        [
            "class Base:\n    kinds = []\n    def __init_subclass__(cls): Base.kinds.append(cls)",
            "class A(Base): pass\nclass B(Base): pass",
        ],
        "[k.__name__ for k in Base.kinds], Base.kinds[0] is A",
    ),
    "subclasses in a registry": (
        [
            "KINDS = {}\nclass Base:\n    def __init_subclass__(cls): KINDS[cls.__name__] = cls",
            "class A(Base): pass\nclass B(A): pass",
            "def f():\n    class C(Base): pass\n    return sorted(KINDS), KINDS['B'] is B",
        ],
        "f()",
    ),
    "classes in the registry of a metaclass": (
        [
            "KINDS = {}\nclass M(type):\n    def __init__(cls, *a):\n"
            "        super().__init__(*a)\n        KINDS[cls.__name__] = cls",
            "class A(metaclass=M): pass\nclass B(A): pass",
            "def f():\n    class C(A): pass\n    return sorted(KINDS), KINDS['B'] is B, type(C) is M",
        ],
        "f()",
    ),
    "an instance of an inner class": (
        ["class A:\n    class B: n = 1", "import pickle\ndef f(): return type(pickle.loads(pickle.dumps(A.B()))) is A.B"],
        "f()",
    ),
    "a descriptor that learns its name": (
        ["class D:\n    def __set_name__(self, owner, name): self.name = name\n    def __get__(self, o, t): return self.name",
         "class A: x = D()"],
        "A.x, A().x",
    ),
    "an inner class": (
        ["class A:\n    class B:\n        n = 1", "def f(): return A.B.n"], "f(), A.B.__qualname__"
    ),
    "an enum": (
        ["from enum import Enum, Flag, auto\nclass E(Enum):\n    A = 1\n    B = 2\n    def f(self): return self.value"],
        "E.A, E(2).f(), [e.name for e in E]",
    ),
    "a functional enum": (["from enum import Enum\nE = Enum('E', 'A B')"], "E.B.value"),
    "an int enum and a flag": (
        ["from enum import IntEnum, Flag, auto\nclass I(IntEnum):\n    A = auto()\nclass F(Flag):\n    A = auto()\n    B = auto()"],
        "I.A + 1, (F.A | F.B).value",
    ),
    "namedtuple": (["from collections import namedtuple\nP = namedtuple('P', 'x y')"], "P(1, 2), P(1, 2)._replace(x=3)"),
    "typing.NamedTuple": (
        ["from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 2\n    def s(self): return self.x + self.y"],
        "P(1).s(), P(1)",
    ),
    "a dataclass": (
        [
            "from dataclasses import dataclass, field, fields, replace, asdict\n@dataclass\nclass P:\n"
            "    x: int\n    y: list = field(default_factory=list)\n    z: int = 3",
        ],
        "P(1), P(1) == P(1), P.__dataclass_fields__['z'].default",
    ),
    "what can be done with a dataclass": (
        [
            "from dataclasses import dataclass, fields, replace, asdict, MISSING\n@dataclass(frozen=True, order=True)\nclass P:\n    x: int\n    y: int = 2",
            "def f():\n    p = P(1)\n    @dataclass(frozen=True)\n    class Q(P):\n        z: int = 4\n"
            "    return asdict(replace(p, x=5)), fields(P)[0].default is MISSING, Q(1), P(1) < P(2)",
        ],
        "f()",
    ),
    "a dataclass with slots": (
        ["from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    x: int = 1"], "P(2), P().x"
    ),
    "a generic class": (
        ["from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, v: T): self.v = v"],
        "Box(1).v, Box[int](2).v",
    ),
    "a protocol and a typed dict": (
        ["from typing import Protocol, TypedDict\nclass S(Protocol):\n    def f(self) -> int: ...\nclass D(TypedDict):\n    a: int",
         "class A(S):\n    def f(self): return 1"],
        "A().f(), D(a=1)",
    ),
    "NewType": (["from typing import NewType\nUser = NewType('User', int)\ndef f(u: User): return User(u)"], "f(1)"),
    "an exception": (
        ["class Trouble(ValueError):\n    def __init__(self, n): super().__init__(n); self.n = n"], "Trouble(3).n"
    ),
    "constants": (["A = 1; B = 'b'; C = (1, [2]); D = {'x': {1}}; E = None; F = float('inf')\ndef f(): return A, B, C, D, E, F"], "f()"),
    "a range, a slice and bytes": (["A = range(3); B = slice(1, 2); C = b'x' * 3; D = bytearray(b'y')\ndef f(): return A, B, C, D"], "f()"),
    "a pattern and a path": (["import re, pathlib\nP = re.compile('a+'); Q = pathlib.Path('x') / 'y'\ndef f(): return P.findall('aab'), Q.name"], "f()"),
    "a date, a fraction, a decimal": (["import datetime, fractions, decimal\nA = datetime.date(2020, 1, 2); B = fractions.Fraction(1, 3); C = decimal.Decimal('0.1')\ndef f(): return A, B, C"], "f()"),
    "a logger": (["import logging\nlog = logging.getLogger('mine')\ndef f(): return log.name, log is logging.getLogger('mine')"], "f()"),
    "a counter, a deque, a defaultdict": (["from collections import *\nA = Counter('aab'); B = deque([1], maxlen=2); C = defaultdict(list)\ndef f():\n    C[1].append(2)\n    return A, B, C"], "f()"),
    "an instance": (["class A:\n    def __init__(self): self.n = 4\na = A()\ndef f(): return a.n, type(a) is A"], "f()"),
    "a bound method": (["class A:\n    def f(self): return 6\nm = A().f\ndef f(): return m()"], "f()"),
    "one thing with two names": (["A = [1]\nB = A\ndef f():\n    A.append(2)\n    return B, A is B"], "f()"),
    "a thing that a class shares with a name": (["DATA = [1]\nclass C: data = DATA\ndef f():\n    DATA.append(2)\n    return C.data"], "f()"),
    "a lock": (["import threading\nLOCK = threading.Lock()\nclass A: lock = threading.RLock()\ndef f():\n    with LOCK, A.lock: return 1"], "f()"),
    "an event and a local": (["import threading\nE = threading.Event(); L = threading.local()\ndef f():\n    E.set(); L.x = 1\n    return E.is_set(), L.x"], "f()"),
    "a weak dictionary": (["import weakref\nW = weakref.WeakValueDictionary()\nclass A: pass\ndef f():\n    a = W['a'] = A()\n    return len(W)"], "f()"),
    "a context variable": (["import contextvars\nV = contextvars.ContextVar('V', default=3)\ndef f(): return V.get(), V.name"], "f()"),
    "itertools.count": (["import itertools\nN = itertools.count(5)\ndef f(): return next(N), next(N)"], "f()"),
    "sys.stderr": (["import sys\nout = sys.stderr\ndef f(): return out is sys.stderr"], "f()"),
    "a module": (["import math\ndef f(): return math.sqrt(4)"], "f()"),
    "a module by another name": (["import os.path as p\ndef f(): return p.basename('a/b')"], "f()"),
    "two submodules": (["import urllib.request\nimport urllib.parse\ndef f(): return urllib.parse.quote(' '), urllib.request.Request('http://h/').host"], "f()"),
    "a submodule, then its package": (["import logging.handlers\nimport logging\ndef f(): return logging.handlers.QueueHandler.__name__"], "f()"),
    "a star import": (["from math import *\ndef f(): return sqrt(4)"], "f()"),
    "a star import over a function": (["def sqrt(x): return 'mine'", "from math import *\ndef f(): return sqrt(4)"], "f()"),
    "a function over a star import": (["from math import *", "def sqrt(x): return 'mine'\ndef f(): return sqrt(4)"], "f()"),
    "an import that fails, with a fallback": (["try:\n    import nowhere\nexcept ImportError:\n    nowhere = None\ndef f(): return nowhere"], "f()"),
    "a function in a false branch": (["if False:\n    def f(): return 1\nelse:\n    def f(): return 2"], "f()"),
    "a function from a loop": (["fs = {}\nfor n in range(3):\n    def f(n=n): return n\n    fs[n] = f\ndef g(): return [h() for h in fs.values()]"], "g()"),
    "a function by its name in a string": (["def f(): return 1\nTABLE = [2]\ndef g(): return globals()['f'](), eval('TABLE[0]')"], "g()"),
    "a global that a function writes": (["N = 0\ndef f():\n    global N\n    N += 1\n    return N"], "f(), f()"),
    "a global that was deleted": (["N = 0\ndef f(): return 'N' in globals()", "del N"], "f()"),
    "__name__": (["def f(): return __name__"], "f()"),
    "a comprehension and a lambda inside": (["K = 2\ndef f(): return [(lambda y: y * K)(x) for x in range(3)]"], "f()"),
    "a class body that uses a name": (["K = 2\nclass A:\n    n = K * 2\n    def f(self): return K, self.n"], "A().f()"),
    "a chain of five hundred functions": (
        ["def f0(): return 0\n" + "\n".join(f"def f{n}(): return f{n - 1}() + 1 if {n} % 100 else 0" for n in range(1, 500))],
        "f499()",
    ),
    "an array": (["import numpy as np\nA = np.arange(6).reshape(2, 3)\ndef f():\n    A[0, 0] = 7\n    return A.sum(), A.flags.writeable"], "f()"),
    "a large array": (["import numpy as np\nA = np.arange(100_000)\ndef f():\n    A[0] = 7\n    return int(A.sum()), A.flags.writeable"], "f()"),
    "a vectorized function": (["import numpy as np\n@np.vectorize\ndef f(x): return x + 1\ndef g(): return f([1, 2]).tolist()"], "g()"),
    "an underscore": (["_n = 2\ndef _g(): return _n\ndef f(): return _g()"], "f(), _g()"),
    "a name of Python's own": (["def print(x): return ('mine', x)\ndef f(): return print(1)"], "f()"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME_AS_A_SCRIPT)
def test_the_answer_is_that_of_a_scripts_worker(name: str, notebook: Notebook) -> None:
    cells, question = SAME_AS_A_SCRIPT[name]
    notebook.run(*cells)
    expected = notebook.ask_script(question)
    assert expected == notebook.ask(question)
    assert "Error" not in expected
