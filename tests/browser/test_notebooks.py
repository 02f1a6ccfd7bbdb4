"""Every notebook in a real JupyterLab: it runs to its end, and all that it shows is seen."""

from pathlib import Path

import pytest
from chromium import SCREENSHOTS, barriers
from lab import is_shown

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
RUN_SECONDS = 200
# What a notebook shows of ours: the texts of the course, the outputs of the library.
OURS = ".jp-RenderedMarkdown, .jp-OutputArea-output"
# A notebook is a part of a page: JupyterLab decides on its landmarks and its order of headings.
OF_THE_PAGE = ("region", "heading-order", "page-has-heading-one", "landmark-unique")
# JupyterLab gives the page no description of a picture, though the notebook holds one; the line
# above the picture says the same.
OF_JUPYTERLAB = ("image-alt",)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(RUN_SECONDS + 100)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end_and_shows_everything(lab, path):
    with lab.open(f"notebooks/{path.name}") as page:
        page.run_all(RUN_SECONDS)
        outputs = page.outputs()
        page.photograph(SCREENSHOTS / f"{path.stem}.png")
        assert [] == [each for each in outputs if each.error and not each.expected]
        assert [] == [each for each in outputs if not is_shown(each)]
        assert [] == [each.cell for each in outputs if each.is_picture and not each.described]
        assert any(each.is_picture for each in outputs)
        assert [] == barriers(page.page, OURS, OF_THE_PAGE + OF_JUPYTERLAB)
