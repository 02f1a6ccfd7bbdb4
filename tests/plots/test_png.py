"""Figures as PNG files."""

import io

import numpy
import pytest
from matplotlib.figure import Figure
from pictures import DUEL, SIXTY_FOUR
from PIL import Image

from manybrains.plots.png import sharp_png, size_on_screen
from manybrains.plots.process_tree import plot_processes
from manybrains.plots.usage import plot_cores, plot_memory_over_time


def pixels_of(png):
    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_figure_has_two_pixels_for_each_that_is_shown():
    figure = Figure(figsize=(4, 3), dpi=100)
    figure.add_axes((0, 0, 1, 1)).set_axis_on()
    png = sharp_png(figure)
    high, wide, _ = pixels_of(png).shape
    assert {"width": wide // 2, "height": high // 2} == size_on_screen(png)
    assert wide > 800


@pytest.mark.parametrize("plot", [plot_cores, plot_memory_over_time, plot_processes])
def test_a_picture_is_a_small_file(plot):
    assert len(sharp_png(plot(DUEL).figure)) < 30_000


def test_the_white_of_a_picture_is_white():
    assert [255, 255, 255] == pixels_of(sharp_png(plot_cores(SIXTY_FOUR).figure))[0, 0].tolist()


def test_a_photograph_keeps_its_colours():
    figure = Figure(figsize=(3, 3))
    noise = numpy.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=numpy.uint8)
    figure.add_axes((0, 0, 1, 1)).imshow(noise, interpolation="nearest")
    assert len(numpy.unique(pixels_of(sharp_png(figure)).reshape(-1, 3), axis=0)) > 10_000


def test_a_figure_that_can_be_seen_through_stays_so():
    figure = Figure(facecolor="none")
    figure.subplots().set_facecolor("none")
    assert "RGBA" == Image.open(io.BytesIO(sharp_png(figure))).mode


def test_a_figure_with_nothing_in_it_is_no_picture():
    assert None is sharp_png(Figure())


def test_the_same_picture_gives_the_same_bytes():
    figures = [plot_memory_over_time(DUEL).figure for _ in range(2)]
    assert sharp_png(figures[0]) == sharp_png(figures[1])
