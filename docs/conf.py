"""The published site: the notebooks with the outputs that are stored in them, and some pages.

`make site` builds it. It needs no network and runs no cell.
"""

import json
import re
from pathlib import Path

import manybrains
from manybrains.widgets.stepper import MODULE as STEPPER

# The project's address stands in the README alone; `make links` fills it in.
README = Path(__file__).resolve().parent.parent / "README.md"
ADDRESS = re.search(r"binder\.org/v2/gh/([\w.-]+/[\w.-]+)/", README.read_text(encoding="utf-8"))[1]
UNKNOWN = "/".join(["OWNER", "REPO"])

project = "Many Brains"
author = "The Many Brains contributors"
release = version = manybrains.__version__
project_copyright = "The Many Brains contributors. Code: BSD-3-Clause. Text and pictures: CC BY 4.0"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/**"]
exclude_patterns = ["**/.ipynb_checkpoints", "docs/_*", "notebooks/assignments"]

html_theme = "sphinx_book_theme"
html_title = "Many Brains"
html_theme_options = {"use_download_button": True, "use_fullscreen_button": False}
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["manybrains.css"]
html_extra_path = ["_root"]  # the site's first address leads to docs/index
if ADDRESS != UNKNOWN:
    tags.add("binder")  # noqa: F821 - Sphinx gives it to this file
    html_theme_options |= {
        "repository_url": f"https://github.com/{ADDRESS}",
        "repository_branch": "HEAD",
        "path_to_docs": "",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        },
    }

nb_execution_mode = "off"
nb_merge_streams = True
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_use_ivar = True


def describe_pictures(app, docname, source):  # noqa: ARG001 - Sphinx's signature
    """Give each picture of a notebook the description that is stored with it."""
    if not docname.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        shown = [output.get("metadata", {}) for output in cell.get("outputs", [])]
        told = [each["image/png"]["alt"] for each in shown if "alt" in each.get("image/png", {})]
        if told:
            cell["metadata"].setdefault("mystnb", {})["image"] = {"alt": " ".join(told)}
    source[0] = json.dumps(notebook)


# Inside the page: from a folder on a disk, a browser loads no module of another file.
STEPPER_HERE = f"""<div id="stepper"></div>
<script type="module">
{STEPPER.read_text(encoding="utf-8")}
render({{ model: plainModel(), el: document.getElementById("stepper") }});
</script>"""


def show_the_stepper(app, docname, source):  # noqa: ARG001 - Sphinx's signature
    """Where a notebook has the stepper as a widget, its page has it without a kernel."""
    if not docname.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "".join(cell["source"]).endswith("\nstepper()"):
            shown = {"output_type": "display_data", "metadata": {}}
            cell["outputs"] = [{**shown, "data": {"text/html": STEPPER_HERE}}]
    source[0] = json.dumps(notebook)


def setup(app):
    app.connect("source-read", describe_pictures)
    app.connect("source-read", show_the_stepper)
