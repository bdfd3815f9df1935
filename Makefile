# Set-up, tests, demo and benchmarks. Everything is installed into .venv; nothing needs root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/silicon
WORKERS ?= 2

.PHONY: setup demo test test-slow chaos fuzz bench check format clean

setup: $(VENV)/.ready

# The constraints say which versions were tested together. torch comes first: a plain dependency on it may pull a
# GPU build of several gigabytes. GPAW is built here without MPI, libxc and BLAS, so pip's cache, which may hold
# another build, is left aside.
$(VENV)/.ready: pyproject.toml packaging/constraints.txt packaging/gpaw_siteconfig.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "forgefield needs Python 3.11 or newer; name one with PYTHON=")'
	@command -v g++ >/dev/null || { echo "GPAW is compiled during set-up and needs a C++ compiler (g++)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint packaging/constraints.txt torch
	GPAW_CONFIG=$(CURDIR)/packaging/gpaw_siteconfig.py $(BIN)/pip install --quiet --disable-pip-version-check \
		--constraint packaging/constraints.txt --no-cache-dir gpaw
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint packaging/constraints.txt --editable '.[all,dev]'
	@touch $@

# The main job on real input: silicon from its name alone, with DFT. Run it again to go on where it was stopped.
demo: setup
	@mkdir -p $(dir $(RUN))
	@test -f $(RUN).yaml || $(BIN)/forgefield init --species Si --quick --output $(RUN).yaml
	$(BIN)/forgefield run $(RUN).yaml --folder $(RUN) --workers $(WORKERS)
	$(BIN)/forgefield report $(RUN)

test: setup check
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n 2 --dist loadgroup

# Science that takes long, run by hand before a release.
test-slow: setup
	$(BIN)/python -m pytest -m slow

# A hundred kills, full and read-only disks, spoilt files, jumping clocks, lying engines: twenty minutes, alone on a machine.
chaos: setup
	$(BIN)/python -m pytest -m slow -s tests/chaos

# Files changed at random, an hour of them; what is not read well is kept in runs/fuzz.
fuzz: setup
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python tests/chaos/fuzz_files.py runs/fuzz --minutes 60

check: setup
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

# Half an hour to an hour; needs the reference data (FORGEFIELD_DATA) beside the project.
bench: setup
	$(BIN)/python benchmarks/density_speed.py
	$(BIN)/python benchmarks/nep_speed.py
	$(BIN)/python benchmarks/hdnnp_speed.py
	$(BIN)/python benchmarks/molecular_dynamics.py
	$(BIN)/python benchmarks/md_loop.py
	$(BIN)/python benchmarks/accuracy.py

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
