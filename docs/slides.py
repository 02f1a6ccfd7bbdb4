"""Slides from notebooks: `make slides`, or `jupyter nbconvert --to slides --config docs/slides.py`.

Each text begins a slide, and the code after it stands below it with its output; a heading of the
first or second level begins a new column.  The notebooks themselves hold nothing of this.
"""

from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode


class SlideTypes(Preprocessor):
    """Says of each cell where it stands in the slides."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Return the notebook with a slide type in each text cell."""
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                is_column = cell.source.startswith(("# ", "## "))
                cell.metadata["slideshow"] = {"slide_type": "slide" if is_column else "subslide"}
        return nb, resources


c = get_config()  # noqa: F821 - nbconvert gives it to this file
c.SlidesExporter.preprocessors = [SlideTypes]
c.SlidesExporter.reveal_scroll = True  # a long cell can be scrolled
c.SlidesExporter.exclude_output_prompt = True
c.SlidesExporter.exclude_input_prompt = True
