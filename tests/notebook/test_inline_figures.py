"""Figures in a notebook: sharp, small, and as the reader wants them."""

import base64
import sys
from types import SimpleNamespace

import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from traitlets.config import Config

from manybrains.notebook.inline_figures import show_sharply


@pytest.fixture
def shell():
    """As much of a notebook's shell as shows figures."""
    return SimpleNamespace(config=Config(), display_formatter=DisplayFormatter())


@pytest.fixture(autouse=True)
def before_the_first_figure(monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib_inline.config", raising=False)


def shown(shell):
    """What a notebook shows of a figure: the types of data, and how large the PNG is."""
    figure = Figure(figsize=(4, 3))
    figure.subplots()
    data, metadata = shell.display_formatter.format(figure)
    return data, metadata.get("image/png")


def test_a_figure_comes_as_png_with_the_size_that_it_is_to_be_shown_at(shell):
    show_sharply(shell)
    data, size = shown(shell)
    pixels = int.from_bytes(base64.b64decode(data["image/png"])[16:20])
    assert 2 * size["width"] == pytest.approx(pixels, abs=1)


def test_a_figure_is_described_by_what_stands_above_it(shell):
    show_sharply(shell)
    figure = Figure(figsize=(4, 3))
    left, right = figure.subplots(1, 2)
    left.set_title("two cores\nin use", loc="left")
    right.set_title("one core")
    figure.suptitle("Both")
    _, metadata = shell.display_formatter.format(figure)
    assert "Both. two cores in use. one core" == metadata["image/png"]["alt"]
    assert "alt" not in shown(shell)[1]  # without a title there is nothing to say


def test_a_format_that_the_reader_has_set_up_is_left_alone(shell):
    shell.config.InlineBackend.figure_formats = {"svg"}
    show_sharply(shell)
    assert ({"svg"}, None) == (shell.config.InlineBackend.figure_formats, shown(shell)[1])


def test_a_formatter_that_the_reader_registers_goes_before(shell):
    show_sharply(shell)
    png = shell.display_formatter.formatters["image/png"]
    png.for_type(Figure, lambda figure: "the reader's")
    assert "the reader's" == shown(shell)[0]["image/png"]


def test_undone_everything_is_as_before(shell):
    undo = show_sharply(shell)
    shown(shell)
    undo()
    assert (False, None) == ("figure_formats" in shell.config.InlineBackend, shown(shell)[1])


def test_no_figure_no_matplotlib(shell, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # an import of it would fail
    show_sharply(shell)


def test_a_backend_that_has_shown_figures_already_leaves_the_next_to_us(shell, monkeypatch):
    backend = SimpleNamespace(figure_formats={"png"})
    inline = SimpleNamespace(initialized=lambda: True, instance=lambda: backend)
    module = SimpleNamespace(InlineBackend=inline)
    monkeypatch.setitem(sys.modules, "matplotlib_inline.config", module)
    undo = show_sharply(shell)
    taken = backend.figure_formats
    undo()
    assert (set(), {"png"}) == (taken, backend.figure_formats)
