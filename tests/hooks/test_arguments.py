"""Arguments whose tuple lacks its comma are refused at the call, with what was forgotten."""

import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool, Process
from typing import Any

import pytest

from manybrains.lens import installation

pytestmark = [pytest.mark.usefixtures("nobody_left"), pytest.mark.timeout(90)]


@pytest.fixture(autouse=True)
def hooked() -> Iterator[None]:
    """The hooks, as in a notebook or a watched block."""
    installation.install()
    yield
    installation.release()


def keep(one: object) -> None: ...


def keep_two(one: object, two: object) -> None: ...


MAKERS: dict[str, tuple[str, Callable[..., Any]]] = {
    "process": ("args", lambda function, given: Process(target=function, args=given)),
    "process by position": ("args", lambda function, given: Process(None, function, None, given)),
    "pool": ("initargs", lambda function, given: Pool(1, function, given)),
    "pool by name": ("initargs", lambda f, given: Pool(1, initializer=f, initargs=given)),
    "executor": (
        "initargs",
        lambda f, given: ProcessPoolExecutor(1, initializer=f, initargs=given),
    ),
}
every_maker = pytest.mark.parametrize(("keyword", "make"), MAKERS.values(), ids=MAKERS)
GIVEN = [(5, "5", "int"), ("abc", "'abc'", "str"), ([1, 2], "[1, 2]", "list")]


@every_maker
@pytest.mark.parametrize(("given", "name", "kind"), GIVEN, ids=[kind for *_, kind in GIVEN])
def test_a_forgotten_comma_is_told_where_it_was_forgotten(
    keyword: str, make: Callable[..., Any], given: Any, name: str, kind: str
) -> None:
    with pytest.raises(TypeError) as raised:
        make(keep, given)
    assert str(raised.value).startswith(f"{keyword}={name} is of type {kind}, and ")
    assert str(raised.value).endswith(f"a tuple of one needs a comma: `{keyword}=({name},)`.")


@every_maker
def test_a_refusal_shows_no_frame_of_ours(keyword: str, make: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=keyword) as raised:
        make(keep, 5)
    assert "manybrains" not in "".join(traceback.format_exception(raised.value)[:-1])


@every_maker
@pytest.mark.parametrize("given", [["a", "b"], "ab", range(2), ("a", "b")])
def test_whatever_fits_is_let_through(keyword: str, make: Callable[..., Any], given: Any) -> None:
    made = make(keep_two, given)
    if isinstance(made, Process):
        made.start()
        made.join()
        assert 0 == made.exitcode
    else:
        with made:
            pass


def test_what_no_initializer_reads_is_let_through() -> None:
    with Pool(1, None, 5) as pool:  # type: ignore[arg-type]
        assert [2] == pool.map(abs, [-2])


def test_keywords_count_as_well() -> None:
    process = Process(target=keep_two, args=[1], kwargs={"two": 2})
    process.start()
    process.join()
    assert 0 == process.exitcode


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_task_without_its_tuple_says_so(method: str) -> None:
    pool = multiprocessing.get_context(method).Pool(1)
    with pool, pytest.raises(TypeError) as raised:
        pool.apply(keep, 5)  # type: ignore[arg-type]
    assert "a tuple of one needs a comma: `(value,)`." in raised.value.__notes__[0]
