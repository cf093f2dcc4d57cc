# The only build interface: people, CI and .ci/run call these targets.
#
#   PYTHON=python3.13 make install   another interpreter (3.11 or newer)
#   make test PYTEST_FLAGS="-x -k x" other flags for pytest
#   make lock UPGRADE=1              newest releases, not only what is missing

PYTHON ?= python3
# One worker more than processors: tests also wait, for disks and for time limits.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST_FLAGS ?= -n $(WORKERS) --dist worksteal

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKER := .cache/locker
# What the key server is compared with; benchmarks/peers.py knows this folder.
BENCH := .cache/bench

WORKFLOWS := $(wildcard .github/workflows/*.yml .github/workflow-templates/*.yml examples/github/*.yml examples/fleet/rotate.yml)
ISSUE_FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
DEPENDABOT := $(wildcard .github/dependabot.yml)
ACTIONS := $(wildcard action.yml */action.yml .github/actions/*/action.yml)
DOCKERFILES := $(wildcard Dockerfile)
SHELL_SCRIPTS := .ci/run $(wildcard scripts/*) packaging/release-action packaging/release-assets packaging/selftest-server \
	$(wildcard examples/*/*.sh)

# The folder of [tool.coverage.run] in pyproject.toml.
COVERAGE_DATA := .cache/coverage

# What the image is built from, and the images' names; Debian 13, from wherever.
BASE ?= debian:trixie-slim
IMAGE := signotaur-action:dev
SERVER_IMAGE := signotaur-keyserver:dev
IMAGE_VERSION = $(shell sed -n 's/^VERSION = "\(.*\)"$$/\1/p' entrypoint/signotaur_wire/version.py)
IMAGE_REVISION = $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null || echo unknown)
BUILD = docker build --quiet --build-arg BASE=$(BASE) \
	--build-arg VERSION=$(IMAGE_VERSION) --build-arg REVISION=$(IMAGE_REVISION)

# The client runs on Windows and macOS too. Caches of their own: mypy throws one away that
# another platform wrote.
CLIENT_ELSEWHERE = -p signotaur_wire -p signotaur_action --cache-dir .mypy_cache

# Lock files name no index and no folder of this machine, and hold what PyPI
# holds, whatever indexes the person who locks has configured.
LOCK = env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS -u UV_NO_INDEX \
	$(LOCKER)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo check test run-tests proof coverage image image-check lint lint-code lint-types lint-windows lint-macos lint-files docs bench mutants screenshots golden templates lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## make .venv with everything in it, from the hash-locked requirements

$(STAMP): requirements/dev.txt pyproject.toml
	@PYTHON="$(PYTHON)" sh scripts/system-packages install
	@$(BIN)/python -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

image: ## build the images of action and key server
	@scripts/docker-engine require
	@scripts/base-image $(BASE)
	$(BUILD) --target server --tag $(SERVER_IMAGE) .
	$(BUILD) --target action --tag $(IMAGE) .

image-check: ## build the action's image twice from nothing, and compare the layers
	@scripts/docker-engine require
	@scripts/base-image $(BASE)
	scripts/image-check $(BUILD) --no-cache --target action

demo: $(STAMP) ## rotate a key and show it (DOCKER=1: through the image)
	$(if $(DOCKER),@$(MAKE) --no-print-directory image)
	$(BIN)/python -I -m signotaur_demo $(if $(DOCKER),--image $(IMAGE))

# Property tests are whole in `make test`; everything here answers within a minute or two.
check: $(STAMP) lint ## the checks and the fast tests, for daily work
	$(BIN)/python -m pytest $(PYTEST_FLAGS) tests/unit tests/property tests/contract tests/model tests/golden

# One recipe after the other, whatever -j says: nobody waits for tests of code
# that does not pass the checks, and pytest has the last word.
test: install ## check, then run every test
	@PYTHON="$(PYTHON)" sh scripts/system-packages test
	@$(MAKE) --no-print-directory lint
	@scripts/docker-engine with $(MAKE) --no-print-directory run-tests

run-tests:
	@if docker version >/dev/null 2>&1; then $(MAKE) --no-print-directory image; fi
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

# One part of it: make proof PROOF=tests/proof/test_kill_lines.py
PROOF ?= tests/proof tests/keyserver/test_openapi.py
proof: install ## every fault that docs/proof.md counts, not a sample (hours)
	@PYTHON="$(PYTHON)" sh scripts/system-packages test
	status=0; SIGNOTAUR_PROOF=full $(BIN)/python -m pytest $(PYTEST_FLAGS) --timeout=0 $(PROOF) || status=$$?; \
	PYTHONPATH=tests $(BIN)/python -m proof.report && exit $$status

# With the tests of one folder: make coverage COVERED=tests/unit REPORT=--fail-under=0
# Five tests look at what a process loads or may write, and fail where coverage is in it. So the
# report alone decides; `make test` is what decides about tests.
coverage: $(STAMP) ## run the tests with the lines counted that they and their processes run
	rm -rf $(COVERAGE_DATA)
	mkdir -p $(COVERAGE_DATA)
	-$(BIN)/python -m coverage run -m pytest $(PYTEST_FLAGS) $(COVERED)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report $(REPORT)

# Side by side, because each of these tools uses one processor.
lint: $(STAMP) ## check code, imports, workflows and scripts (needs no network)
	@$(MAKE) --no-print-directory -j $(WORKERS) lint-code lint-types lint-windows lint-macos lint-files

lint-code:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --severity-level medium entrypoint

lint-types:
	$(BIN)/mypy
	$(BIN)/mypy cli/run.py

lint-windows:
	$(BIN)/mypy --platform win32 $(CLIENT_ELSEWHERE)/win32

lint-macos:
	$(BIN)/mypy --platform darwin $(CLIENT_ELSEWHERE)/darwin

lint-files:
	@if [ -x $(BIN)/shellcheck ]; then set -x; $(BIN)/shellcheck $(SHELL_SCRIPTS); \
	else echo "no shellcheck for this kind of machine: $(SHELL_SCRIPTS) not checked"; fi
	$(BIN)/actionlint -config-file .github/actionlint.yaml -pyflakes= \
		-shellcheck "$(wildcard $(BIN)/shellcheck)" $(WORKFLOWS)
	$(BIN)/zizmor --offline --quiet .github $(WORKFLOWS) $(ACTIONS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot $(DEPENDABOT)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(ISSUE_FORMS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(if $(ACTIONS),$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(ACTIONS))
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci examples/gitlab/.gitlab-ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.azure-pipelines --regex-variant nonunicode examples/azure-pipelines/rotate.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.buildkite examples/buildkite/pipeline.yml
	$(if $(DOCKERFILES),$(BIN)/hadolint $(DOCKERFILES))

docs: $(STAMP) ## render the manual as a site in dist/site, and check its links
	$(BIN)/mkdocs build --quiet --strict

bench: $(STAMP) ## measure
	@PYTHON="$(PYTHON)" sh scripts/system-packages bench
	@"$(PYTHON)" -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --require-hashes -r requirements/bench.txt
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/run_server.py
	PYTHONPATH=tests $(BIN)/python benchmarks/run_team.py
	@scripts/docker-engine with $(BIN)/python benchmarks/container_bench.py
	$(BIN)/python benchmarks/run_fleet.py

# It takes hours. A part of it: make mutants MUTANTS='--seconds 600 journal "what stores share"'.
# The next run goes on; with --again it tries what survived again.
mutants: $(STAMP) ## change the client's code, and count the changes that the tests see
	@mkdir -p .cache/mutants
	@$(BIN)/python -m venv .cache/mutants/venv
	.cache/mutants/venv/bin/python -m pip install --quiet --require-hashes -r requirements/mutants.txt
	PYTHONPATH=tests $(BIN)/python tests/proof/mutants.py $(MUTANTS)

screenshots: $(STAMP) ## photograph the web pages for the manual; look at them before you commit
	@PYTHON="$(PYTHON)" sh scripts/system-packages test
	$(BIN)/python -m pytest tests/web/test_screenshots.py --update-screenshots

golden: $(STAMP) ## rewrite the golden transcripts; read the diff before you commit it
	$(BIN)/python -m pytest tests/golden --update-golden

templates: $(STAMP) ## rewrite the examples and starter workflows from their templates
	$(BIN)/python packaging/templates.py .

lock: ## re-make the hash-locked requirements (UPGRADE=1: with newest releases)
	@PYTHON="$(PYTHON)" sh scripts/system-packages install
	"$(PYTHON)" -m venv --clear $(LOCKER)
	$(LOCKER)/bin/python -m pip install --quiet --require-hashes -r requirements/lock.txt
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra server -c requirements/runtime.txt -o requirements/server.txt
	$(LOCK) pyproject.toml --extra sign -c requirements/runtime.txt -o requirements/sign.txt
	$(LOCK) pyproject.toml --extra server --extra sign requirements/dev.in -c requirements/server.txt -o requirements/dev.txt
	$(LOCK) requirements/lock.in -o requirements/lock.txt
	$(LOCK) requirements/bench.in -o requirements/bench.txt
	$(LOCK) requirements/mutants.in -o requirements/mutants.txt

clean: ## remove everything that git does not know about and make can make again
	rm -rf $(VENV) .cache .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf build dist entrypoint/*.egg-info
	find entrypoint tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
