"""The text of a cell: whole lines, names where lines begin, bars in the last line."""

import pytest

from manybrains.notebook.output_lines import ShownLines


def shown(*written: tuple[str, str], labelled: bool = False) -> str:
    """What a cell shows after these have written: workers, and the notebook itself as "me"."""
    lines, text = ShownLines(), ""
    for who, what in written:
        if who == "me":
            text += lines.write_own(what) + what
        else:
            text += lines.write(who, f"{who}: " if labelled and who else "", what)
    return text


def seen(text: str) -> list[str]:
    """What a notebook makes of it: a carriage return goes to the beginning of the line."""
    rows = []
    for line in text.split("\n"):
        row = ""
        for part in line.split("\r"):
            row = part + row[len(part) :]
        rows.append(row.rstrip())
    return rows


def test_a_whole_line_does_not_go_on_with_the_beginning_of_anothers() -> None:
    assert "half\nwhole\n" == shown(("a", "half"), ("b", "whole\n"))


def test_the_end_of_a_line_goes_where_the_text_ends() -> None:
    written = ("a", "one"), ("b", "two"), ("a", " more"), ("a", "\n"), ("b", "\n")
    assert "one\ntwo more\n\n" == shown(*written)


def test_what_a_worker_has_begun_it_goes_on_with() -> None:
    assert "one, two\nthree\n" == shown(("a", "one, "), ("a", "two\n"), ("a", "three\n"))


def test_a_workers_line_goes_on_with_the_notebooks_as_in_a_script() -> None:
    assert "waiting: done\n" == shown(("me", "waiting: "), ("a", "done\n"))


def test_a_name_is_not_put_into_a_line() -> None:
    written = ("me", "waiting: "), ("a", "one"), ("a", ", two\nthree\n\n"), ("a", "x"), ("b", "y\n")
    assert "waiting: \na: one, two\na: three\n\na: x\nb: y\n" == shown(*written, labelled=True)


def test_a_line_that_goes_on_after_anothers_has_its_name_again() -> None:
    written = ("a", "one"), ("b", "two\n"), ("a", " more\n")
    assert "a: one\nb: two\na:  more\n" == shown(*written, labelled=True)


def test_a_name_may_hold_anything() -> None:
    assert r"\1\n: x" + "\n" == ShownLines().write("7", r"\1\n: ", "x\n")


@pytest.mark.parametrize("text", ["\x1b[32mgreen\x1b[0m\n", "  indented\r\n", "a\x1fb\x0bc\n"])
def test_other_characters_stay_as_they_are(text: str) -> None:
    assert "a: " + text == shown(("a", text), labelled=True)
    assert text == shown(("a", text))


# --- progress bars ------------------------------------------------------------------------

TWO = (("a", "\ra  1%"), ("b", "\n\rb  1%\x1b[A"), ("a", "\ra 50%"), ("b", "\n\rb 50%\x1b[A"))


def test_a_bar_is_drawn_in_its_line() -> None:
    assert ["  9%"] == seen(shown(("a", "\r  1%"), ("a", "\r  9%")))


def test_two_bars_share_the_last_line() -> None:
    assert ["a 50%   b 50%"] == seen(shown(*TWO))


def test_bars_stand_in_the_order_of_their_lines() -> None:
    assert ["a  1%   b  1%"] == seen(shown(("b", "\n\rb  1%\x1b[A"), ("a", "\ra  1%")))


def test_each_bar_has_its_name() -> None:
    assert ["a: a 50%   b: b 50%"] == seen(shown(*TWO, labelled=True))


def test_a_bar_that_is_done_is_a_line() -> None:
    assert ["a 99%", "b 50%"] == seen(shown(*TWO, ("a", "\ra 99%\n")))
    done = ("b", "\n\rb 99%\x1b[A"), ("b", "\rb 99%\n")  # it is drawn further up at last
    assert ["a 99%", "b 99%", ""] == seen(shown(*TWO, ("a", "\ra 99%\n"), *done))


def test_a_bar_that_leaves_nothing_is_gone() -> None:
    assert ["next", ""] == seen(shown(("a", "\ra 50%"), ("a", "\r     \r"), ("b", "next\n")))


def test_a_line_stands_above_the_bars() -> None:
    assert ["a line", "a 50%   b 50%"] == seen(shown(*TWO, ("c", "a line\n")))


def test_what_was_flushed_before_does_not_stand_in_a_bar() -> None:
    assert ["piece", "a  9%"] == seen(shown(("c", "piece"), ("a", "\ra  9%")))
    assert ["piece", "a  9%"] == seen(shown(("a", "\ra  1%"), ("c", "piece"), ("a", "\ra  9%")))


def test_a_bar_may_begin_without_a_return() -> None:
    assert ["a: 10%"] == seen(shown(("a", "0%"), ("a", "\r10%"), labelled=True))


def test_the_notebook_itself_does_not_write_into_a_bar() -> None:
    assert ["a 50%   b 50%", "joined", ""] == seen(shown(*TWO, ("me", "joined\n")))


def test_bars_go_on_below_what_the_notebook_writes() -> None:
    assert ["a  1%", "hm", "a  9%"] == seen(
        shown(("a", "\ra  1%"), ("me", "hm\n"), ("a", "\ra  9%"))
    )


def test_a_line_and_a_bar_may_come_together() -> None:
    assert ["one", "two", " 10%"] == seen(shown(("a", "one\ntwo\n\r 10%")))


def test_a_worker_that_goes_far_up_takes_no_memory() -> None:
    assert ["x"] == seen(shown(("a", "\x1b[999999999Ax")))
