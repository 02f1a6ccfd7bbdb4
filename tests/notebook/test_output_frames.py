"""A file of output: what workers write into it comes out as their lines, however it is read."""

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from manybrains.notebook.output_frames import OutputFrames, Part
from manybrains.workers.output import FRAME, MOST_IN_FRAME, UNIT, frame_head, framed

WORKERS = st.tuples(st.sampled_from([1, 2]), st.integers(1, 10**9), st.text("ab -é", max_size=200))
# Code in C writes what it likes, but for whole frames.
FOREIGN = st.binary(max_size=50).map(lambda data: data.replace(UNIT, b"?"))


def read(*pieces: bytes) -> list[Part]:
    frames = OutputFrames()
    parts = [part for piece in pieces for part in frames.feed(piece)]
    return [*parts, *frames.flush()]


def text_of(parts: Iterable[Part], stream: int, pid: str) -> str:
    return "".join(part.text for part in parts if (part.stream, part.pid) == (stream, pid))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


@given(st.lists(st.tuples(WORKERS, st.text())), st.lists(st.integers(0, 10**6), max_size=9))
def test_each_text_comes_out_as_its_workers_wherever_the_file_is_cut(
    written: list[tuple[tuple[int, int, str], str]], places: list[int]
) -> None:
    data = b"".join(framed(frame_head(*worker), text) for worker, text in written)
    parts = read(*cut(data, places))
    for stream, pid in {worker[:2] for worker, _ in written}:
        texts = [text for worker, text in written if worker[:2] == (stream, pid)]
        expected = "".join(texts).encode("utf-8", "backslashreplace").decode()
        assert expected == text_of(parts, stream, str(pid))


@given(FOREIGN, st.text("ab\n"), FOREIGN, st.lists(st.integers(0, 10**6), max_size=5))
def test_bytes_of_others_are_kept_and_do_not_hide_a_frame(
    before: bytes, text: str, after: bytes, places: list[int]
) -> None:
    parts = read(*cut(before + framed(frame_head(2, 7, "anna"), text) + after, places))
    assert text == text_of(parts, 2, "7")
    assert len(text_of(parts, 1, "")) >= len(after.strip(FRAME).decode("utf-8", "ignore"))


def test_a_line_that_is_not_finished_waits_for_its_end() -> None:
    frames, head = OutputFrames(), frame_head(1, 7, "anna")
    assert [] == list(frames.feed(framed(head, "half")))
    assert [Part(1, "7", "anna", "half a line\n")] == list(frames.feed(framed(head, " a line\n")))


def test_a_line_that_is_very_long_does_not_wait() -> None:
    [part] = OutputFrames().feed(framed(frame_head(1, 7, "anna"), "x" * (MOST_IN_FRAME + 1)))
    assert MOST_IN_FRAME + 1 == len(part.text)


def test_unfinished_lines_of_two_workers_stay_apart() -> None:
    pieces = [framed(frame_head(1, pid, str(pid)), f"of {pid}") for pid in (7, 8)]
    assert [Part(1, "7", "7", "of 7"), Part(1, "8", "8", "of 8")] == read(*pieces)


def test_a_mark_that_a_program_prints_is_text() -> None:
    assert "a\x1eb" + "c" * 2000 == text_of(read(b"a\x1eb" + b"c" * 2000), 1, "")


def test_what_is_dropped_is_counted_and_gone() -> None:
    frames = OutputFrames()
    list(frames.feed(framed(frame_head(1, 7, "anna"), "half") + FRAME))
    assert 5 == frames.drop()
    assert [] == list(frames.flush())
