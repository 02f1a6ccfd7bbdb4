"""The published site is built from what is stored, without a warning, and has what it promises."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import execute_notebooks
import nbformat
import pytest
from chromium import barriers, chromium

import manybrains
from manybrains.widgets.stepper import MODULE

CHECKOUT = Path(__file__).resolve().parent.parent
DOCS = CHECKOUT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
OF_IPYTHON = {"load_ipython_extension", "unload_ipython_extension"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a site that was built here."""
    if importlib.util.find_spec("myst_nb") is None:
        pytest.skip("the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    places = ["-d", folder / "doctrees", "-c", DOCS, CHECKOUT, folder / "html"]
    done = subprocess.run(
        [*command, *map(str, places)], cwd=CHECKOUT, capture_output=True, text=True, timeout=300
    )
    assert (0, "") == (done.returncode, done.stderr)
    return folder / "html"


@pytest.mark.slow
@pytest.mark.timeout(320)
def test_the_site_is_built_without_a_warning_and_has_every_notebook_and_page(site):
    notebooks = [f"notebooks/{path.stem}.html" for path in (CHECKOUT / "notebooks").glob("*.ipynb")]
    pages = [f"docs/{path.stem}.html" for path in PAGES]
    assert [] == [page for page in [*notebooks, *pages] if not (site / page).exists()]


@pytest.mark.slow
@pytest.mark.timeout(320)
def test_the_first_address_of_the_site_leads_to_its_first_page(site):
    (target,) = re.findall(r"url=([^\"]+)", (site / "index.html").read_text(encoding="utf-8"))
    assert (site / target).exists()


@pytest.mark.slow
@pytest.mark.timeout(320)
def test_links_inside_the_site_lead_somewhere(site):
    link = re.compile(r'class="reference internal" href="([^"#]*)#?([^"]*)"')
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    dead = []
    for page, text in pages.items():
        for target, anchor in link.findall(text):
            there = pages.get((page.parent / target).resolve() if target else page)
            if there is None or (anchor and f'id="{anchor}"' not in there):
                dead.append((page.name, target, anchor))
    assert [] == dead


@pytest.mark.slow
@pytest.mark.timeout(320)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_on_a_page_keeps_people_out(site, scheme):
    """What is around the article is the theme's.  Two notebooks: all have the same parts."""
    found = {}
    notebooks = [site / "notebooks/01-processes.html", site / "notebooks/04-shared-value.html"]
    with chromium() as browser:
        page = browser.new_context(color_scheme=scheme).new_page()
        for path in [*notebooks, *site.glob("docs/*.html")]:
            page.goto(path.as_uri())
            if problems := barriers(page, "article"):
                found[path.name] = problems
    assert {} == found


@pytest.mark.slow
@pytest.mark.timeout(320)
def test_the_page_of_notebook_04_has_the_stepper_with_all_that_it_needs(site):
    text = (site / "notebooks" / "04-shared-value.html").read_text(encoding="utf-8")
    (script,) = re.findall(
        r'<div id="stepper"></div>\s*<script type="module">(.*?)</script>', text, re.S
    )
    assert MODULE.read_text(encoding="utf-8") in script
    assert script.rstrip().endswith('el: document.getElementById("stepper") });')


@pytest.mark.slow
@pytest.mark.timeout(320)
def test_the_stepper_of_the_page_steps_without_a_kernel(site):
    with chromium() as browser:
        page = browser.new_page()
        page.goto((site / "notebooks" / "04-shared-value.html").as_uri())
        for step in ("A: read", "B: read", "A: add", "A: write", "B: add", "B: write"):
            page.get_by_role("button", name=step).click()
        said = page.locator("#stepper").get_by_role("status").inner_text()
    assert said.endswith("The counter shows 1: one update is lost.")


@pytest.mark.slow
def test_each_text_of_a_notebook_begins_a_slide(tmp_path):
    path = CHECKOUT / "notebooks" / "01-processes.ipynb"
    command = [sys.executable, "-m", "nbconvert", "--to", "slides", "--log-level", "ERROR"]
    config = ["--config", str(DOCS / "slides.py"), "--output-dir", str(tmp_path)]
    subprocess.run([*command, *config, str(path)], check=True, timeout=100)
    (slides,) = tmp_path.glob("*.html")
    cells = nbformat.read(path, as_version=4).cells
    texts = sum(cell.cell_type == "markdown" for cell in cells)
    columns = sum(cell.source.startswith(("# ", "## ")) for cell in cells)
    assert texts + columns == slides.read_text(encoding="utf-8").count("<section>")


def test_every_public_name_has_its_place_on_the_page_of_the_library():
    text = (DOCS / "library.md").read_text(encoding="utf-8")
    told = re.findall(r"^\.\. auto(?:class|function):: manybrains\.(\w+)$", text, re.MULTILINE)
    assert sorted(set(manybrains.__all__) - OF_IPYTHON) == sorted(told)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_that_a_page_links_to_exists(page):
    links = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [] == [link for link in links if not (DOCS / link).exists()]


@pytest.mark.parametrize("stem", execute_notebooks.PICTURES)
def test_the_pictures_of_the_first_pages_are_those_of_the_notebook(stem):
    """They are stored anew with the notebook; by hand, only the notebook may have been changed."""
    notebook = nbformat.read(CHECKOUT / "notebooks" / f"{stem}.ipynb", as_version=4)
    pictures = execute_notebooks.pictures_of(notebook, execute_notebooks.PICTURES[stem])
    stored = {name: (DOCS / "pictures" / f"{name}.png").read_bytes() for name in pictures}
    assert (pictures, set(execute_notebooks.PICTURES[stem])) == (stored, set(pictures))
