# On a fresh machine (Python 3.11+ with venv and pip, git, make):
#   make demo [DIR=/some/folder]   the main job, shown from end to end
#   make test                      every check, and the tests of every day
#   make test-all                  that, and the simulation at length, crashes, browser, old client
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The old client, in an environment of its own, for tests/compat: it wants an old httpx.
export PYAQUEDUCT_VENV ?= .venv-pyaqueduct
# What laboratories measure with (a gigabyte), for `make bench` and tests/system.
export MEASUREMENTS_VENV ?= .venv-measurements
# What judges RO-Crates (90 MB), for tests/integration/moving.
export CRATES_VENV ?= .venv-crates
# What writes the bill of materials, and beside it an installation that has nothing else.
SBOM_VENV ?= .venv-sbom
INSTALLED_VENV ?= .venv-installed
export SBOM ?= dist/aqsync.cdx.json
# One more than the cores of a small machine: tests that wait leave a core to the others.
TEST_JOBS ?= 3
# The files of the tests of every day are in memory where it has room: forty thousand times they
# would wait for the disk. Tests that take long stay on the disk.
IN_MEMORY = PYTEST_DEBUG_TEMPROOT="$$($(BIN)/python -m tests.support.in_memory)"
# Python keeps what it has compiled, apart from the sources: to compile everything anew in each
# process would cost the tests a minute.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.bytecode

.PHONY: demo test test-long test-all first-hour lint unit coverage simulate simulate-mutations properties crash many-servers mutants pythons system-boot bench docs screenshots man lock sbom clean format

# As it was written, and by way of the environment: a folder may have any name.
export override DIR := $(value DIR)
demo: $(VENV)/.demo-installed
	@$(BIN)/aqsync demo $${DIR:+"$$DIR"}

test: lint unit

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev-installed
	$(IN_MEMORY) $(BIN)/pytest -n $(TEST_JOBS) -m "not long" $(PYTEST_FLAGS)

# What takes long: simulation, crashes, spoiled connections, browser, the old client, memory, and
# real packages that measure.
test-long: $(VENV)/.dev-installed $(PYAQUEDUCT_VENV)/.installed $(MEASUREMENTS_VENV)/.installed $(CRATES_VENV)/.installed $(SBOM_VENV)/.installed $(INSTALLED_VENV)/.installed
	$(BIN)/pytest -n $(TEST_JOBS) -m long $(PYTEST_FLAGS)

test-all: test test-long

# README and quick start as typed, with what pip really installs: it needs a package index.
first-hour: $(VENV)/.dev-installed
	AQSYNC_PACKAGE_INDEX=1 $(BIN)/pytest -n 0 -m long tests/integration/docs/test_blocks.py

# Which lines and branches of the program the tests of every day run within their own process.
coverage: $(VENV)/.dev-installed
	$(IN_MEMORY) $(BIN)/pytest -n $(TEST_JOBS) -m "not long" --cov --cov-report=term

# The properties on FACTOR times as many examples, other ones each time.
FACTOR ?= 20
properties: $(VENV)/.dev-installed
	AQSYNC_EXAMPLES=$(FACTOR) $(BIN)/pytest -n $(TEST_JOBS) -m hypothesis \
		--hypothesis-profile=explore --timeout=0

# Daemon and server killed at other moments each time, while files change; SEED repeats the files.
ROUNDS ?= 300
SEED ?= $(shell date +%s)
crash: $(VENV)/.dev-installed
	AQSYNC_CRASH_ROUNDS=$(ROUNDS) AQSYNC_KILLS=$(ROUNDS) AQSYNC_CRASH_SEED=$(SEED) \
		$(BIN)/pytest -n $(TEST_JOBS) --timeout=0 tests/system/test_crashes.py \
		tests/system/test_actions.py tests/system/test_own_experiments.py

# Three servers on one PostgreSQL and one bucket, killed while eight PCs push so many files.
MANY_FILES ?= 100000
many-servers: $(VENV)/.dev-installed
	AQSYNC_MANY_FILES=$(MANY_FILES) AQSYNC_CRASH_SEED=$(SEED) \
		$(BIN)/pytest -n 0 -s --timeout=0 tests/system/test_many_servers.py

# Do the tests notice small mistakes in the program? MODULES="aqsync.layout.names ..."; all takes
# half an hour.
mutants: $(VENV)/.dev-installed
	$(BIN)/python -m tests.mutants $(MODULES)

# The tests on several Pythons, each in an environment of its own:
#   make pythons PYTHONS="python3.11 python3.12 python3.13"
PYTHONS ?= $(PYTHON)
pythons:
	set -e; for python in $(PYTHONS); do \
		version=$$($$python -c 'import platform; print(platform.python_version())'); \
		echo "Python $$version"; \
		$(MAKE) unit test-long PYTHON="$$python" VENV=".venv-$$version"; \
	done

# Boots a real systemd in memory and runs the service in it; takes root.
system-boot: $(VENV)/.dev-installed
	$(BIN)/python tests/system/boot_systemd.py

# Random histories of the whole engine (docs/explanation/reliability.md), on all cores:
#   make simulate SEEDS=100000 [FIRST=5000] [JOBS=2]
SEEDS ?= 10000
FIRST ?= 0
SIMULATE = $(BIN)/python -m tests.simulation $(if $(JOBS),--jobs $(JOBS))
simulate: $(VENV)/.dev-installed
	$(SIMULATE) --first $(FIRST) --seeds $(SEEDS)

# For each promise an engine that breaks it: each must be caught.
simulate-mutations: $(VENV)/.dev-installed
	$(SIMULATE) --mutations

bench: $(VENV)/.demo-installed $(MEASUREMENTS_VENV)/.installed
	$(BIN)/python -m bench $(BENCH)

format: $(VENV)/.dev-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pages that are made from the code.
docs: $(VENV)/.dev-installed
	$(BIN)/python -m docs.generate

# Pictures of the status page, of a demo set-up; in a mount namespace of its own, since they show
# the paths of its directories.
screenshots: $(VENV)/.dev-installed
	unshare --user --map-root-user --mount $(BIN)/python -m tests.browser.screenshots docs/pictures

# What an installation by the lock consists of, as CycloneDX: versions, licences, what needs what.
sbom: $(SBOM_VENV)/.installed $(INSTALLED_VENV)/.installed
	mkdir -p "$$(dirname "$$SBOM")"
	version=$$(sed -n 's/^__version__ = //p' aqsync/__init__.py); \
		sed "s/^dynamic = .*/version = $$version/" pyproject.toml > $(SBOM_VENV)/pyproject.toml
	$(SBOM_VENV)/bin/cyclonedx-py environment --pyproject $(SBOM_VENV)/pyproject.toml \
		-o "$$SBOM" $(INSTALLED_VENV)/bin/python

# The manual pages: make man [MAN=~/.local/share/man], then `man aqsync-push`.
MAN ?= build/man
man: $(VENV)/.dev-installed
	$(BIN)/python -m docs.man_pages $(MAN)/man1

# The locks hold names, versions and hashes for every supported Python and platform: all that is
# needed, so pip resolves nothing (--no-deps; else a newer release of what is asked for with an
# extra makes it ask for a hash that no lock has).
lock: $(VENV)/.dev-installed
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra server --group build $(UV_FLAGS) -o requirements/install.lock
	$(BIN)/uv pip compile pyproject.toml --extra server --group dev $(UV_FLAGS) -o requirements/dev.lock
	echo 'cyclonedx-bom>=7.5' | $(BIN)/uv pip compile - $(UV_FLAGS) -o requirements/sbom.lock
	echo 'pyaqueduct==0.1.0' | $(BIN)/uv pip compile - $(UV_FLAGS) -o requirements/pyaqueduct.lock
	printf '%s\n' roc-validator rocrate | $(BIN)/uv pip compile - $(UV_FLAGS) -o requirements/crates.lock
	printf '%s\n' $(MEASURED) | $(BIN)/uv pip compile - $(UV_FLAGS) \
		$(addprefix --no-emit-package=,$(UNUSED)) -o requirements/measurements.lock
UV_FLAGS = --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --quiet --upgrade
# quantify-core imports what QCoDeS 0.57 has no more.
MEASURED = 'qcodes<0.57' plottr quantify-core xarray h5netcdf zarr nptdms qualang-tools
# What these ask for and no writer here imports: half a gigabyte.
UNUSED = cftime datadog-api-client debugpy ipykernel ipywidgets jedi joblib jupyterlab-widgets \
	lxml netcdf4 pyarrow pydap requests-cache scikit-learn widgetsnbextension

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
		"aqsync needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-installed: $(BIN)/python requirements/install.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/install.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev-installed: $(BIN)/python requirements/dev.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(SBOM_VENV)/.installed: $(BIN)/python requirements/sbom.lock
	$(BIN)/python -m venv $(SBOM_VENV)
	$(SBOM_VENV)/bin/pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements/sbom.lock
	touch $@

$(INSTALLED_VENV)/.installed: $(BIN)/python requirements/install.lock
	rm -rf $(INSTALLED_VENV)
	$(BIN)/python -m venv --without-pip $(INSTALLED_VENV)
	$(BIN)/pip --python $(INSTALLED_VENV)/bin/python install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements/install.lock
	touch $@

# pyaqueduct does not install on Python 3.12 or newer; there tests/compat says so and is skipped.
$(PYAQUEDUCT_VENV)/.installed: $(BIN)/python requirements/pyaqueduct.lock
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then \
		rm -rf $(PYAQUEDUCT_VENV) && $(BIN)/python -m venv $(PYAQUEDUCT_VENV) && \
		$(PYAQUEDUCT_VENV)/bin/pip install --quiet --disable-pip-version-check \
			--no-deps --require-hashes -r requirements/pyaqueduct.lock && touch $@; \
	fi

$(CRATES_VENV)/.installed: $(BIN)/python requirements/crates.lock
	$(BIN)/python -m venv $(CRATES_VENV)
	$(CRATES_VENV)/bin/pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements/crates.lock
	touch $@

# Where these packages do not install, what needs them says so and is skipped.
$(MEASUREMENTS_VENV)/.installed: $(BIN)/python requirements/measurements.lock
	@rm -rf $(MEASUREMENTS_VENV) && $(BIN)/python -m venv $(MEASUREMENTS_VENV)
	@if $(MEASUREMENTS_VENV)/bin/pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements/measurements.lock; then touch $@; \
		else rm -rf $(MEASUREMENTS_VENV); echo "what laboratories measure with: not installed" >&2; fi

clean:
	rm -rf $(VENV) .venv-* .bytecode build dist .coverage* .mypy_cache .ruff_cache .hypothesis .import_linter_cache
