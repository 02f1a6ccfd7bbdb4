"""Keys that are pressed in a panel are the panel's own.

JupyterLab takes arrows, Enter and letters for its cells wherever nothing can be typed: in a list
of choices, an arrow would go to the next cell, and two times D would delete one.
"""

from anywidget import AnyWidget

__all__ = ["OwnKeys"]

# JupyterLab looks for no shortcuts in an element that has this attribute.
_MARK = """
export default {
  render({ el }) {
    el.style.display = "none";
    const mark = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
    let tries = 600;  // frames: this may be drawn before it is put into the panel
    const find = () => {
      const panel = el.closest(".manybrains-panel");
      if (panel) panel.addEventListener("focusin", mark);
      else if (tries-- > 0) requestAnimationFrame(find);
    };
    find();
  },
};
"""


class OwnKeys(AnyWidget):
    """A widget that shows nothing, and keeps the keys for the panel in which it stands."""

    _esm = _MARK
