"""A figure as a PNG file: sharp on every screen, and small; equal pictures have equal bytes."""

import io
from collections.abc import Iterable

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageChops

from .core_colours import palette
from .style import ALARM, FAINT, PLAIN, QUIET

__all__ = ["png_of", "sharp_png", "size_on_screen"]

DENSITY = 2  # pixels of the file for each CSS pixel
LEAST_ROW = 6  # pixels: in lower rows the rounding would be seen
GREYS = ("#ffffff", "#ededed", "#d6d6d6", "#525252")
MOST_COLOURS = 256
CLOSE = 24  # of 255: in thin edges, eyes do not see such a difference from the true colour


def png_of(figure: Figure, row: float, every: int) -> bytes:
    """Return the picture as PNG in sixteen colours, without pyplot; the figure is changed.

    This function computes the layout without drawing: `savefig` would draw everything once
    for the layout, throw that away, and draw it again.

    Args:
        figure: what to draw, in the colours of our style.
        row: the distance from row to row on the y axis.
        every: how many rows share one name.
    """
    figure.set_dpi(DENSITY * figure.dpi)
    canvas = FigureCanvasAgg(figure)
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")
    _let_rows_be_whole_pixels(figure, row, every)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = numpy.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    colours = _palette_image([*palette(), PLAIN, FAINT, QUIET, ALARM, *GREYS])
    picture = Image.fromarray(pixels).convert("RGB")
    small = picture.quantize(palette=colours, dither=Image.Dither.NONE)
    return _saved(small, figure.dpi)


def sharp_png(figure: Figure) -> bytes | None:
    """Return any figure as a notebook shows it, in few colours if no colour changes much.

    Return None for an empty figure.
    """
    if not figure.axes and not figure.lines:
        return None
    buffer, dpi = io.BytesIO(), DENSITY * figure.dpi
    figure.savefig(
        buffer,
        format="png",
        dpi=dpi,
        bbox_inches="tight",
        facecolor=figure.get_facecolor(),
        edgecolor=figure.get_edgecolor(),
        pil_kwargs={"compress_level": 1},  # fast: this file is read again at once
    )
    picture = Image.open(buffer)
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255):
        return _saved(picture, dpi)  # our palette has no half-transparent colours
    true = picture.convert("RGB")
    small = true.quantize(MOST_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    off = numpy.asarray(ImageChops.difference(true, small.convert("RGB"))).max()
    return _saved(_with_pure_white(small) if off <= CLOSE else true, dpi)


def size_on_screen(png: bytes) -> dict[str, int]:
    """Return the width and the height of the picture in a notebook, in CSS pixels."""
    # https://www.w3.org/TR/png/#11IHDR: two whole numbers of four bytes at a fixed place.
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    return {"width": width // DENSITY, "height": height // DENSITY}


def _let_rows_be_whole_pixels(figure: Figure, row: float, every: int) -> None:
    """Make the Axes a little lower, so that the distance from row to row is whole pixels.

    All rows then look the same, and the file is half as large.
    """
    for ax in figure.axes:
        (_, low), (_, high) = ax.transData.transform([(0, 0), (0, row)])
        pixels = high - low
        if pixels < LEAST_ROW:
            pixels *= every  # then at least rows with names look the same
        if pixels >= LEAST_ROW:
            place = ax.get_position()
            height = place.height * int(pixels) / pixels
            ax.set_position((place.x0, place.y1 - height, place.width, height))


def _palette_image(colours: Iterable[str]) -> Image.Image:
    image = Image.new("P", (1, 1))
    image.putpalette(b"".join(bytes.fromhex(colour.removeprefix("#")) for colour in colours))
    return image


def _with_pure_white(picture: Image.Image) -> Image.Image:
    """Make the white of the palette pure: it is the average of all that is almost white."""
    values = picture.getpalette() or []
    entries = [values[at : at + 3] for at in range(0, len(values), 3)]
    pure = [[255] * 3 if min(entry) >= 250 else entry for entry in entries]
    picture.putpalette([value for entry in pure for value in entry])
    return picture


def _saved(picture: Image.Image, dpi: float) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", dpi=(dpi, dpi))
    return buffer.getvalue()
