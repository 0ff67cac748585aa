# make demo    see it work, without any service
# make test    everything that proves it, on real services; installs what it needs on Debian and Ubuntu
# make lint    the rules       make bench   the speed       make docs   the reference pages       make clean
# make pictures  takes the pictures of the docs again
# make faults  kill a recording run at every step, in every way; takes half an hour, or ROUNDS=n times that

SHELL := /bin/bash
PYENV := $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13)
PYTHON ?= $(or $(shell command -v python3.13 2>/dev/null | xargs -r -I{} sh -c '{} -V >/dev/null 2>&1 && echo {}'),$(firstword $(PYENV)),python3)
# The two ends of what is supported: `make test` runs on OLDEST too, where there is one.
OLDEST ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.11.*/bin/python3.11) $(shell command -v python3.11 2>/dev/null))
PIP := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt
RUN_IN_SHOP := cd examples/shop && SHOP_STATE="$(CURDIR)/.cache/shop"

# Commands, the page, the API, deployments and checks without code: about half of what is left.
COMMANDS := tests/cli tests/page tests/checks/api tests/checks/declared tests/checks/deploy

# Servers that fail, real workers, the record on three databases: what these do is the same to any Python.
SERVICES := tests/failing_well tests/test_servers.py tests/history/test_recording.py tests/history/test_retention.py \
    tests/history/test_frozen.py tests/page/test_api.py tests/page/test_running.py

# What needs a package that does not take the newest Django yet.
OLD_ALONE := tests/checks/celery/test_beat_database.py

# Where another Python or an older Django could make a difference; the rest is the same code once it can be imported.
ON_OLDEST := tests/config tests/core tests/formatters tests/checks/database tests/checks/cache tests/checks/host \
    tests/checks/deploy tests/checks/test_email.py tests/checks/test_storage.py tests/cli/test_manage.py \
    tests/page/test_access.py tests/page/test_browser.py tests/test_testing.py $(OLD_ALONE)
# Of those in a browser the ones that look at the admin's own pages, and one that lives.
IN_BROWSER := not test_browser or index or everybody or wrong_is_told or opens_to or acknowledged or begins_empty

.PHONY: demo test test-newest test-commands test-services test-oldest lint faults bench docs pictures clean packages

demo: .venv-demo/ready
	@mkdir -p .cache/shop
	@echo '$$ health                      # no project: this host' && .venv-demo/bin/health --chdir / || true
	@$(RUN_IN_SHOP) ../../.venv-demo/bin/python manage.py migrate --verbosity 0
	@echo && echo '$$ cd examples/shop && health  # a project, found by its manage.py'
	@$(RUN_IN_SHOP) ../../.venv-demo/bin/health || true
	@echo && echo '$$ health run database shop -f nagios'
	@$(RUN_IN_SHOP) ../../.venv-demo/bin/health run database shop -f nagios || true

# Three of the four at once: most of the tests wait for servers. The output of each comes when it has ended.
test: packages
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target test-services test-newest test-commands test-oldest

test-newest: .venv/ready packages
	.venv/bin/python -m pytest $(SERVICES:%=--ignore %) $(COMMANDS:%=--ignore %) $(OLD_ALONE:%=--ignore %)

test-commands: .venv/ready packages
	.venv/bin/python -m pytest $(SERVICES:%=--ignore %) $(COMMANDS)

test-services: .venv/ready packages
	.venv/bin/python -m pytest $(SERVICES)

ifeq ($(filter-out $(shell $(PYTHON) -V 2>/dev/null),$(shell $(OLDEST) -V 2>/dev/null)),)
test-oldest:
	@echo "No older Python here: tested on $(PYTHON) alone."
else
test-oldest: .venv-oldest/ready
	.venv-oldest/bin/python -m pytest $(ON_OLDEST) -k '$(IN_BROWSER)'
endif

lint: .venv/ready
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

faults: .venv/ready packages
	.venv/bin/python -m pytest -s tests/history/every_fault.py

bench: .venv/ready .venv-bench/ready packages
	.venv/bin/python -m benchmarks.bench
	.venv/bin/python -m benchmarks.page
	.venv/bin/python -m benchmarks.api

docs: .venv/ready
	.venv/bin/python docs/reference.py

pictures: .venv/ready packages
	PICTURES=1 .venv/bin/python -m pytest -q tests/page/test_pictures.py

packages:
	@PYTHON="$(PYTHON)" ./tests/packages.sh

.venv-demo/ready: $(SOURCES)
	$(PYTHON) -m venv --clear .venv-demo || { echo "Install the venv module: apt-get install python3-venv"; exit 1; }
	.venv-demo/bin/python $(PIP) --editable '.[celery]'
	@touch $@

.venv/ready: $(SOURCES) | packages
	$(PYTHON) -m venv --clear .venv || { echo "Install the venv module: apt-get install python3-venv"; exit 1; }
	.venv/bin/python $(PIP) --upgrade pip
	.venv/bin/python $(PIP) --editable '.[all]' --group lint --group test
	@touch $@

.venv-oldest/ready: $(SOURCES) | packages
	$(OLDEST) -m venv --clear .venv-oldest
	.venv-oldest/bin/python $(PIP) --upgrade pip
	.venv-oldest/bin/python $(PIP) --editable '.[all]' --group test
	@touch $@

# Installed as users have it, with its peers beside it, and again whenever a module has changed.
.venv-bench/ready: $(SOURCES) benchmarks/requirements.txt $(shell find health_cli -name '*.py') | packages
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(PIP) --upgrade pip
	.venv-bench/bin/python $(PIP) --requirement benchmarks/requirements.txt '.[mysql,redis,celery]'
	.venv-bench/bin/python $(PIP) --force-reinstall --no-deps .
	@touch $@

clean:
	rm -rf .venv .venv-bench .venv-oldest .venv-demo .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
