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
    coded = [(worker, text.encode("utf-8", "backslashreplace")) for worker, text in written]
    data = b"".join(framed(frame_head(*worker), text) for worker, text in coded)
    parts = read(*cut(data, places))
    for stream, pid in {worker[:2] for worker, _ in written}:
        expected = b"".join(t for worker, t in coded if worker[:2] == (stream, pid)).decode()
        assert expected == text_of(parts, stream, str(pid))


@given(FOREIGN, st.text("ab\n"), FOREIGN, st.lists(st.integers(0, 10**6), max_size=5))
def test_bytes_of_others_are_kept_and_do_not_hide_a_frame(
    before: bytes, text: str, after: bytes, places: list[int]
) -> None:
    parts = read(*cut(before + framed(frame_head(2, 7, "anna"), text.encode()) + after, places))
    assert text == text_of(parts, 2, "7")
    assert len(text_of(parts, 1, "")) >= len(after.strip(FRAME).decode("utf-8", "ignore"))


def test_a_worker_that_gets_another_name_in_a_line_has_both_parts_in_their_order() -> None:
    data = framed(frame_head(1, 7, "anna"), b"\n1") + framed(frame_head(1, 7, "bert"), b"0")
    assert [("anna", "\n"), ("anna", "1"), ("bert", "0")] == [
        (p.worker, p.text) for p in read(data)
    ]


HEAD = frame_head(1, 7, "anna")


def feed(frames: OutputFrames, *texts: str, now: float = 0.0) -> list[str]:
    data = b"".join(framed(HEAD, text.encode()) for text in texts)
    return [part.text for part in frames.feed(data, now)]


def test_a_piece_of_a_line_that_was_flushed_does_not_wait() -> None:
    frames = OutputFrames()
    assert ["half"] == feed(frames, "half")
    assert [" a line\n"] == feed(frames, " a line\n")


def test_the_last_line_of_a_text_waits_for_its_end() -> None:
    frames = OutputFrames()
    assert ["one\n"] == feed(frames, "one\ntwo")
    assert ["two\n"] == feed(frames, "\n")


def test_the_last_line_of_a_text_waits_no_longer_than_its_end_can_take() -> None:
    frames = OutputFrames()
    feed(frames, "one\ntwo", now=5.0)
    assert [] == list(frames.overdue(5.01))
    assert [Part(1, "7", "anna", "two")] == list(frames.overdue(5.2))
    assert [] == list(frames.overdue(9.0))


def test_a_line_of_nobody_waits_for_its_end() -> None:
    frames = OutputFrames()
    assert [] == list(frames.feed(b"half", 5.0))
    assert [Part(1, "", "", "half a line\n")] == list(frames.feed(b" a line\n", 5.01))


def test_nobodys_line_that_grows_slowly_does_not_wait_for_ever() -> None:
    frames = OutputFrames()
    for tenth in range(3):
        list(frames.feed(b".", 5 + tenth / 20))
    assert ["..."] == [part.text for part in frames.overdue(5.11)]


def test_what_moves_the_cursor_is_given_at_its_time() -> None:
    frames = OutputFrames()
    assert ["done\n\r 10%"] == feed(frames, "done\n\r 10%")
    assert ["\r 20%"] == [part.text for part in frames.feed(b"\r 20%", 0.0)]


def test_a_character_is_not_given_in_halves() -> None:
    frames, (first, second) = OutputFrames(), "é".encode()
    assert ["a"] == [part.text for part in frames.feed(framed(HEAD, b"a" + bytes([first])), 0.0)]
    assert ["éb"] == [p.text for p in frames.feed(framed(HEAD, bytes([second]) + b"b"), 0.0)]


def test_a_line_that_is_longer_than_a_frame_waits_for_its_end() -> None:
    frames = OutputFrames()
    assert [] == feed(frames, "x" * MOST_IN_FRAME)
    [text] = feed(frames, "\n")
    assert MOST_IN_FRAME + 1 == len(text)


def test_a_line_that_is_very_long_does_not_wait() -> None:
    texts = feed(OutputFrames(), "x" * MOST_IN_FRAME, "x" * MOST_IN_FRAME)
    assert [2 * MOST_IN_FRAME] == [len(text) for text in texts]


def test_unfinished_lines_of_two_workers_stay_apart() -> None:
    pieces = [framed(frame_head(1, pid, str(pid)), b"\nof %d" % pid) for pid in (7, 8)]
    parts = read(*pieces)
    assert Part(1, "7", "7", "of 7") == parts[-2]
    assert Part(1, "8", "8", "of 8") == parts[-1]


def test_what_follows_from_the_same_worker_is_given_at_once() -> None:
    assert ["a\nb\nc"] == feed(OutputFrames(), "a\n", "b\n", "c")


def test_a_mark_that_a_program_prints_is_text() -> None:
    assert "a\x1eb" + "c" * 2000 == text_of(read(b"a\x1eb" + b"c" * 2000), 1, "")


def test_what_is_dropped_is_counted_and_gone() -> None:
    frames = OutputFrames()
    list(frames.feed(framed(HEAD, b"\nhalf") + FRAME))
    assert 5 == frames.drop()
    assert [] == list(frames.flush())
