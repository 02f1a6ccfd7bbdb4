"""A figure as a PNG file: sharp on every screen, small, the same bytes for the same picture."""

import io
from collections.abc import Iterable

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .core_colours import palette
from .style import ALARM, FAINT, PLAIN, QUIET

__all__ = ["NAME", "png_of", "size_on_screen"]

DENSITY = 2  # pixels for each one of the screen that the picture was made for
NAME = "name"  # the gid of texts that stand in a column
GREYS = ("#ffffff", "#ededed", "#d6d6d6", "#525252")


def png_of(figure: Figure) -> bytes:
    """Return the picture as PNG in sixteen colours, without pyplot; the figure is used up.

    The layout is worked out by itself: `savefig` would draw everything once for the layout,
    throw that away, and draw it again.
    """
    figure.set_dpi(DENSITY * figure.dpi)
    canvas, buffer = FigureCanvasAgg(figure), io.BytesIO()
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")
    _move_names_to_whole_pixels(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = numpy.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    colours = _palette_image([*palette(), PLAIN, FAINT, QUIET, ALARM, *GREYS])
    picture = Image.fromarray(pixels).convert("RGB")
    small = picture.quantize(palette=colours, dither=Image.Dither.NONE)
    small.save(buffer, "PNG", bits=4, dpi=(figure.dpi, figure.dpi))
    return buffer.getvalue()


def size_on_screen(png: bytes) -> dict[str, int]:
    """Return at which width and height, in pixels of CSS, a notebook should show the picture."""
    # https://www.w3.org/TR/png/#11IHDR: two whole numbers of four bytes at a fixed place.
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    return {"width": width // DENSITY, "height": height // DENSITY}


def _move_names_to_whole_pixels(figure: Figure) -> None:
    """Let equal letters of names below each other be equal pixels, which halves the file."""
    for ax in figure.axes:
        up = ax.transData
        for text in ax.texts:
            if text.get_gid() == NAME:
                _, y = up.transform((0, text.get_position()[1]))
                text.set_y(up.inverted().transform((0, round(y)))[1])


def _palette_image(colours: Iterable[str]) -> Image.Image:
    image = Image.new("P", (1, 1))
    image.putpalette(b"".join(bytes.fromhex(colour.removeprefix("#")) for colour in colours))
    return image
