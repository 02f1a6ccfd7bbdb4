# Many Brains. `make lab` opens the course, `make test` tests all of it; both do
# the set-up they need, once. Written for GNU make 3.81 (macOS) and newer.

# PYTHON=python3.12 make lab: the Python to make .venv with.
PYTHON ?= python3
# ARGS="--port=9000" make lab: more arguments for the tool that a target runs.
ARGS ?=
# NB=notebooks/01-processes.ipynb make notebooks: only that one.
NB ?= $(wildcard notebooks/*.ipynb)

# A Python that was named has to be the one in .venv; else any that is there will do.
exactly = $(if $(filter file,$(origin PYTHON)),,--exactly)
# The kernel, `!python` and the terminals of JupyterLab are those of .venv as well.
in-venv = PATH="$(CURDIR)/.venv/bin:$$PATH" JUPYTER_PREFER_ENV_PATH=1 .venv/bin/python

no-screen = $(if $(filter Linux,$(shell uname -s)),$(if $(DISPLAY)$(WAYLAND_DISPLAY),,--no-browser))
as-root = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test check notebooks recordings site slides pins bench format links clean \
	set-up set-up-test set-up-docs

help:
	@echo "make lab         open the course in JupyterLab (the first time: set it up)"
	@echo "make test        run every test: library, course rules, every notebook (10 minutes)"
	@echo "make check       what a change wants at once: format, types, what starts no kernels (2 minutes)"
	@echo "make notebooks   run the notebooks and store what they show (NB=... for one)"
	@echo "make site        build the published site in docs/_build/html"
	@echo "make slides      slides of the notebooks in docs/_build/slides (NB=... for one)"
	@echo "make recordings  record how far this machine scales, for notebook 08 (a minute or two)"
	@echo "make pins        write down what Binder installs, as it is here"
	@echo "make bench       measure the lens"
	@echo "make format      put code and notebooks into the project's format"
	@echo "make links OWNER=... REPO=...   fill in the address of the project"
	@echo "make clean       remove .venv and caches"

lab: set-up
	@$(in-venv) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks/00-start-here.ipynb \
		$(no-screen) $(as-root) $(ARGS)

# Three files of tests, or notebooks, are run side by side, also on two cores: many tests wait.
# A file stays whole, for its tests share a kernel. In the order of their names: the notebooks,
# which take long, fill up the end.
side-by-side = -n 3 --dist loadscope --no-loadscope-reorder

test: set-up-test
	@$(in-venv) -m pytest --nbval $(side-by-side) tests notebooks $(ARGS)

check: set-up-test
	@MANYBRAINS_START_METHODS=default $(in-venv) -m pytest $(side-by-side) -m "not slow" tests $(ARGS)

notebooks: set-up-test
	@$(in-venv) tests/execute_notebooks.py $(NB)

site: set-up-docs
	@$(in-venv) -m sphinx --fail-on-warning --keep-going --quiet -j auto \
		-d docs/_build/doctrees -c docs . docs/_build/html $(ARGS)
	@echo "The site is in docs/_build/html: open index.html"

slides: set-up
	@$(in-venv) -m nbconvert --to slides --config docs/slides.py --log-level ERROR \
		--output-dir docs/_build/slides $(NB)
	@echo "The slides are in docs/_build/slides: open one in a browser, with a connection"

recordings: set-up
	@$(in-venv) notebooks/recordings/record.py

pins: set-up-test
	@$(in-venv) tests/pin_binder.py

bench: set-up-test
	@$(in-venv) benchmarks/run.py $(ARGS)

format: set-up-test
	@$(in-venv) -m ruff check --fix --quiet .
	@$(in-venv) -m ruff format .

# The project's address stands in the README alone.
links:
	@test -n "$(OWNER)" -a -n "$(REPO)" || { echo "Say which: make links OWNER=name REPO=name"; exit 1; }
	@sed 's#OWNER/REPO#$(OWNER)/$(REPO)#g' README.md > README.md.new && mv README.md.new README.md

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +

# Does nothing, in a tenth of a second, where .venv is already as wanted.
set-up set-up-test set-up-docs:
	@command -v "$(PYTHON)" > /dev/null || { echo "There is no $(PYTHON) on PATH:" \
		"install Python 3.11 or newer, or name it as in PYTHON=python3.14 make lab"; exit 1; }
	@"$(PYTHON)" tests/set_up.py $(exactly) --extra work \
		$(if $(filter %-test,$@),--extra test) $(if $(filter-out set-up,$@),--extra docs)
