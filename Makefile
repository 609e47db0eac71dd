# Everything runs in .venv, made from uv.lock; uv itself is fetched into .tools.
PYTHON ?= python3
export UV_PROJECT_ENVIRONMENT := .venv
UV := .tools/bin/uv
RUN := $(UV) run --frozen --no-sync
# Empty means no: a program that starts again and again would compile every module each time.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install demo test stress torture rush busy clients bench check format texts docs pictures site clean
# What running the bot needs; with EXTRAS, as in make install EXTRAS="postgresql places", more of it.
# Compiled here, as the user of a service may not write beside the modules, and would compile them at each start.
install: | $(UV)
	$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON) --no-dev --inexact $(EXTRAS:%=--extra %)
	.venv/bin/python -m compileall -q bot rocketchat_simulator
	touch .venv/ready-run

demo: .venv/ready-run
	.venv/bin/session-bot demo $(ARGS)

test: .venv/ready
	$(RUN) pytest -n auto --dist worksteal $(ARGS)

# Property tests with forty times as many examples.
stress: .venv/ready
	$(RUN) pytest -n auto --dist worksteal -m hypothesis --hypothesis-profile=long --timeout=3600 $(ARGS)

torture: .venv/ready
	$(RUN) python -m tests.stress.torture $(ARGS)

rush: .venv/ready
	$(RUN) python -m tests.stress.rush $(ARGS)

# Other people's clients, in Python and JavaScript, on every version; needs Node.js 20 and npm.
clients: .venv/ready
	$(RUN) python -m tests.clients

busy: .venv/ready
	$(RUN) python -m tests.stress.busy $(ARGS)

bench: .venv/ready
	$(RUN) python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

check: .venv/ready
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

format: .venv/ready
	$(RUN) ruff format .
	$(RUN) ruff check --fix-only .

texts: .venv/ready
	$(RUN) python -m tests.support.catalogues

docs: .venv/ready
	$(RUN) python -m tests.support.commands_page

pictures: .venv/ready
	$(RUN) python -m tests.browser.journey docs/pictures

# What the documentation shows, and what its pages link to.
SITE := $(wildcard *.md) docs packaging Containerfile LICENSE config.example.toml pyproject.toml \
	benchmarks/README.md benchmarks/RESULTS.md benchmarks/results.svg

# The documentation as a site in .site/pages.
site: .site/ready
	rm -rf .site/source .site/pages
	mkdir .site/source
	tar -cf - $(SITE) | tar -xf - -C .site/source
	.site/venv/bin/zensical build --strict --config-file mkdocs.yml

clean:
	rm -rf .venv .tools .bench .clients .site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.grimp_cache .cache .hypothesis

$(UV):
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check 'uv>=0.13,<0.14'

.venv/ready-run: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --quiet --python $(PYTHON) --no-dev --inexact
	touch $@

.venv/ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --quiet --compile-bytecode --python $(PYTHON)
	touch $@ .venv/ready-run

.site/ready: pyproject.toml uv.lock | $(UV)
	UV_PROJECT_ENVIRONMENT=.site/venv $(UV) sync --frozen --quiet --python $(PYTHON) --only-group site
	touch $@
