"""The glossary has the words that the notebooks print in bold, and its links lead somewhere."""

import re
from pathlib import Path

from course import NOTEBOOKS, ask_for, read

GLOSSARY = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"
ENTRY = re.compile(r"^## (.+)\n\n((?:(?!## ).*\n)+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!http)([^)#]+)(?:#([^)]+))?\)")


def entries() -> dict[str, str]:
    """Each term with what is said of it."""
    return dict(ENTRY.findall(GLOSSARY.read_text(encoding="utf-8")))


def anchor(term: str) -> str:
    """How a link names the heading of a term."""
    return re.sub(r"[^\w-]", "", term.lower().replace(" ", "-"))


def test_the_terms_stand_in_alphabetical_order():
    terms = list(entries())
    assert sorted(terms, key=str.lower) == terms


def test_each_term_is_explained_and_says_which_notebook_shows_it():
    ask_for(
        f"{term}: a sentence or more, then one link to a notebook on the last line"
        for term, said in entries().items()
        if not re.fullmatch(r"(?:.+\.\n)+\[[^]]+\]\(\.\./notebooks/[^)]+\)\n*", said)
    )


def test_what_the_glossary_links_to_exists_and_has_that_title():
    titles = {path.name: read(path).cells[0].source.splitlines()[0][2:] for path in NOTEBOOKS}
    links = re.findall(r"\[([^]]+)\]\(\.\./notebooks/([^)]+)\)", GLOSSARY.read_text("utf-8"))
    ask_for(f"{file} is not {title!r}" for title, file in links if titles.get(file) != title)


def test_each_notebook_shows_what_the_glossary_says_it_shows():
    ask_for(
        f"{term}: {file} does not name it"
        for term, said in entries().items()
        for file in re.findall(r"\(\.\./notebooks/([^)]+)\)", said)
        if term.lower() not in " ".join(cell.source for cell in read_named(file).text).lower()
    )


def read_named(file: str):
    return read(NOTEBOOKS[0].with_name(file))


def test_links_of_the_notebooks_into_the_glossary_lead_to_a_term():
    anchors = set(map(anchor, entries()))
    ask_for(
        read(path).at(cell, f"the glossary has no {place!r}")
        for path in NOTEBOOKS
        for cell in read(path).text
        for file, place in LINK.findall(cell.source)
        if file.endswith("glossary.md") and place not in anchors
    )
