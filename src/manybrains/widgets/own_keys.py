"""Keys that are pressed in a panel are the panel's own.

JupyterLab takes arrows, Enter and letters for its cells wherever nothing can be typed: in a list
of choices, an arrow would go to the next cell, and two times D would delete one.
"""

from anywidget import AnyWidget

__all__ = ["OwnKeys"]

# https://lumino.readthedocs.io: shortcuts are not looked for from this attribute on upwards.
_MARK = """
export default {
  render({ el }) {
    el.style.display = "none";
    let tries = 600;  // frames: it may be drawn before it is put into the panel
    const mark = () => {
      const panel = el.closest(".manybrains-panel");
      if (panel) panel.setAttribute("data-lm-suppress-shortcuts", "true");
      else if (tries-- > 0) requestAnimationFrame(mark);
    };
    mark();
  },
};
"""


class OwnKeys(AnyWidget):
    """A widget that shows nothing, and keeps the keys for the panel in which it stands."""

    _esm = _MARK
