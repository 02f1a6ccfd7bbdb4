"""What `make notebooks` stores depends on the code of a notebook, and on nothing else."""

import sys
import sysconfig
from pathlib import Path

import execute_notebooks
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output


def notebook_with(*outputs, **metadata):
    cell = new_code_cell(id="cell", outputs=list(outputs), metadata=metadata, execution_count=1)
    return new_notebook(cells=[cell])


def shown(notebook):
    return notebook.cells[0].outputs


def test_metadata_says_the_kernel_and_the_language_and_no_version():
    notebook = notebook_with()
    notebook.metadata = {"language_info": {"name": "python", "version": "3.13.0"}, "widgets": {}}
    execute_notebooks.tidy(notebook)
    assert execute_notebooks.METADATA == notebook.metadata


def test_times_are_not_stored_and_tags_are():
    notebook = notebook_with(tags=["hide-input"], execution={"iopub.status.busy": "now"})
    execute_notebooks.tidy(notebook)
    assert {"tags": ["hide-input"]} == notebook.cells[0].metadata


def test_a_widget_view_is_not_stored():
    data = {execute_notebooks.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "IntSlider()"}
    notebook = notebook_with(new_output("display_data", data=data))
    execute_notebooks.tidy(notebook)
    assert [] == shown(notebook)


def test_neighbouring_pieces_of_a_stream_are_joined_and_the_order_is_kept():
    pieces = [("stdout", "1"), ("stdout", "2"), ("stderr", "3"), ("stdout", "4")]
    notebook = notebook_with(*(new_output("stream", name=n, text=t) for n, t in pieces))
    execute_notebooks.tidy(notebook)
    expected = [("stdout", "12"), ("stderr", "3"), ("stdout", "4")]
    assert expected == [(output.name, output.text) for output in shown(notebook)]


@pytest.mark.parametrize("colour", ["", "\x1b[39m\x1b[32m"])
def test_a_traceback_names_a_module_and_not_where_python_is_installed(colour):
    stdlib = Path(sysconfig.get_path("stdlib"))
    line = f"File {colour}{stdlib / 'pool.py'}:346, in get"
    notebook = notebook_with(new_output("error", ename="E", evalue="", traceback=[line]))
    execute_notebooks.tidy(notebook)
    assert [f"File {colour}pool.py:346, in get"] == shown(notebook)[0].traceback


@pytest.mark.parametrize(
    "place",
    [
        str(execute_notebooks.CHECKOUT),
        str(Path.home() / "notes.txt"),
        str(Path(sys.prefix) / "bin"),
        f"/any/ipykernel_{123}/456.py",
    ],
)
def test_a_place_on_this_machine_is_found_with_its_cell(place):
    notebook = notebook_with(new_output("stream", name="stdout", text=f"fine\nin {place}\n"))
    assert [("cell", f"in {place}")] == execute_notebooks.places_named(notebook)


def test_a_picture_is_not_searched_for_places():
    data = {"image/png": f"{Path.home()}/", "text/plain": "<Figure>"}
    notebook = notebook_with(new_output("display_data", data=data))
    assert [] == execute_notebooks.places_named(notebook)


def test_a_notebook_is_stored_the_same_twice(tmp_path):
    path = tmp_path / "twice.ipynb"
    code = "from pathlib import Path\nprint(Path('twice.ipynb').exists())\n1 + 1"
    nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
    execute_notebooks.main([str(path)])
    once = path.read_bytes()
    execute_notebooks.main([str(path)])
    assert once == path.read_bytes()


@pytest.mark.parametrize(("wanted", "told"), [((3, 0), False), ((99, 0), True)])
def test_an_older_python_than_that_of_the_pictures_is_named(wanted, told, monkeypatch, capsys):
    monkeypatch.setattr(execute_notebooks, "WANTED", wanted)
    monkeypatch.setattr(execute_notebooks, "execute_and_store", lambda *_: True)
    execute_notebooks.main(["any.ipynb"])
    assert told == ("Python 99.0 or newer" in capsys.readouterr().err)


def test_it_says_which_notebook_of_how_many_was_run(tmp_path, capsys):
    paths = [tmp_path / f"{name}.ipynb" for name in ("one", "two")]
    for path in paths:
        nbformat.write(new_notebook(cells=[new_code_cell("1")]), path)
    execute_notebooks.main([*map(str, paths)])
    lines = [line for line in capsys.readouterr().out.splitlines() if " cells, " in line]
    assert ["(1 of 2)", "(2 of 2)"] == [line[-8:] for line in lines]


def test_a_notebook_that_fails_is_left_as_it_was(tmp_path):
    path = tmp_path / "fails.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=r"Not stored: .*fails\.ipynb"):
        execute_notebooks.main([str(path)])
    assert before == path.read_bytes()
