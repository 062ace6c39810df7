# Every target makes its own environment in .venv first, and needs only make and Python 3.11 or newer.

PORT ?= 8000
ARGS ?=
COVERAGE ?= term
BIN := .venv/bin

# Files without I/O and without a clock: every branch is covered by a test.
PURE := session errors events policy token snapshot shorthand lifecycle/* device
empty :=
comma := ,
PURE_FILES := $(subst $(empty) ,$(comma),$(PURE:%=src/sojourn/%.py))

.DEFAULT_GOAL := help
.NOTPARALLEL:

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: bootstrap ## Serve the demo on http://127.0.0.1:8000 (PORT=8080 for another port)
	$(BIN)/sojourn demo --port $(PORT)

.PHONY: test
test: bootstrap ## Run the tests, with coverage (ARGS="-k token" for some of them)
	@mkdir -p build
	@echo "left out: tests/browser, which needs a Chromium (make browser)"
	$(BIN)/pytest --cov --cov-report=$(COVERAGE) --junitxml=build/tests.xml $(ARGS)

.PHONY: check
check: lint types imports test pure ## Everything that must hold before a commit

.PHONY: lint
lint: bootstrap ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: bootstrap ## Check types
	$(BIN)/mypy

.PHONY: imports
imports: bootstrap ## Check that imports point downwards
	$(BIN)/lint-imports --no-logo

.PHONY: pure
pure: bootstrap ## Check that the last test run took every branch of the pure files
	$(BIN)/coverage report --include='$(PURE_FILES)' --show-missing --fail-under=100

.PHONY: format
format: bootstrap ## Put code into the common format, and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: bench
bench: ## Measure beside what you would use instead (ARGS=writes for another part, ARGS=help for the list)
	@scripts/bootstrap bench
	@if command -v npm >/dev/null && [ ! -d benchmarks/better_auth/node_modules ]; then \
		npm ci --prefix benchmarks/better_auth --no-audit --no-fund || echo "going on without Better Auth"; fi
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: browser
browser: ## Run the browser tests; needs a Chromium
	@scripts/bootstrap browser
	@mkdir -p build
	$(BIN)/pytest -m browser --junitxml=build/browser.xml tests/browser $(ARGS)

.PHONY: browser-react
browser-react: ## Run the tests of the account page on React instead of Preact; needs a Chromium and Node
	@scripts/bootstrap browser
	@[ -d web/node_modules ] || npm ci --prefix web --no-audit --no-fund
	npm run --prefix web build:react
	@mkdir -p build
	SOJOURN_TEST_BUNDLE=web/build/react \
		$(BIN)/pytest -m browser --junitxml=build/browser-react.xml tests/browser/account $(ARGS)

.PHONY: web
web: ## Check and build the scripts of the pages and the npm package; needs Node 20.19 or newer
	npm ci --prefix web --no-audit --no-fund
	npm run --prefix web check
	npm run --prefix web build
	npm run --prefix web build:lib

.PHONY: sample
sample: ## Build the React application in examples/react; needs Node 20.19 or newer
	npm ci --prefix web --no-audit --no-fund
	npm run --prefix web build:lib
	npm ci --prefix examples/react --no-audit --no-fund
	npm run --prefix examples/react build

.PHONY: lock
lock: bootstrap ## Write requirements/*.txt anew (ARGS=--upgrade for the newest of everything)
	scripts/lock $(ARGS)

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf .venv build dist web/build web/dist examples/react/dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: bootstrap
bootstrap:
	@scripts/bootstrap
