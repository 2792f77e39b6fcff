# One command for each thing a person does here: `make help` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
# uv installs many times faster than pip. It does not read pip's settings, so a mirror that stands there is handed on.
# Modules are compiled once, and not by each process that a build or the tests start.
UV     := UV_DEFAULT_INDEX="$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}" $(BIN)/uv pip install --compile-bytecode
SIMD   := vae_lessons/figures/engine/simd.wasm
ASC    := npx --no-install asc $(SIMD:.wasm=.ts) -O3 --noAssert --runtime stub --importMemory --enable simd
SITE   := book/_build/html
PDF    := book/_build/variational-autoencoders.pdf
BUILD  := $(BIN)/jupyter-book build . --config book/_config.yml --toc book/_toc.yml --path-output book -W -n --keep-going

# The address of a package index that has CPU-only builds of torch, to be used for torch alone
# (README, "A smaller torch"). Empty: torch comes from where everything else does.
TORCH_INDEX ?=

# `make book SOLUTIONS=0` builds the book for a class that is still at work: without the solutions of the exercises.
SOLUTIONS ?= 1
export SOLUTIONS

PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: book pdf test check serve free-port lab classroom mark bench lint simd lock words address clean help

book: $(READY) ## Build the book into book/_build/html (again only what has changed since)
	$(BUILD)

pdf: book ## Print the book into book/_build/variational-autoencoders.pdf (needs a Chromium)
	$(BUILD) --builder singlehtml
	$(BIN)/python -m book.print book/_build/singlehtml/index.html $(PDF)

test: $(READY) ## Run the tests, on the embedded digits
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal -m "not check"

check: $(READY) ## Run what `make test` leaves out: accessibility, print, JupyterLab, a class to mark
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadgroup -m check

serve: free-port book ## Build the book and show it on this machine, at http://localhost:8000 (another: PORT=8001)
	$(BIN)/python -m http.server --bind localhost --directory $(SITE) $(PORT)

free-port: $(READY)
	@$(BIN)/python -c 'import socket, sys; family, *_, address = socket.getaddrinfo("localhost", sys.argv[1], type=socket.SOCK_STREAM)[0]; socket.create_server(address, family=family)' $(PORT) 2>/dev/null \
		|| { echo "make serve: port $(PORT) is taken, or may not be used: make serve PORT=$$(($(PORT) + 1))" >&2; exit 1; }

lab: $(READY) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

classroom: $(READY) ## Make a course folder for nbgrader: student notebooks, solutions, settings
	$(BIN)/python -m vae_exercises.classroom make classroom

mark: $(READY) ## Mark what has been handed in for an assignment: make mark ASSIGNMENT=06-kl
	$(BIN)/python -m vae_exercises.classroom mark classroom $(ASSIGNMENT)

bench: book ## Measure training, live figures, pages and building, and compare with the report in benchmarks/
	$(BIN)/python -m benchmarks $(PARTS)

lint: $(READY) ## Check code, notebooks and docstrings, the order of imports, and the figures' types (needs Node.js)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	@command -v npm >/dev/null || { echo "make lint: the live figures' JavaScript was not checked, since npm is missing; install Node.js" >&2; exit 1; }
	npm ci --silent --no-audit --no-fund
	npx --no-install tsc -p jsconfig.json
	$(ASC) --outFile node_modules/simd.wasm
	@cmp node_modules/simd.wasm $(SIMD) || { echo "make lint: $(SIMD) is not what simd.ts compiles to; run make simd" >&2; exit 1; }

simd: ## Compile the SIMD kernels of the playground anew (needs Node.js)
	npm ci --silent --no-audit --no-fund
	$(ASC) --outFile $(SIMD)

lock: $(READY) ## Make requirements.txt anew from pyproject.toml, with the newest versions, for every system
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --upgrade \
		--no-emit-index-url --no-emit-find-links --all-extras pyproject.toml --output-file requirements.txt

words: book ## Count the words of each lesson, and say which are too long
	$(BIN)/python book/_ext/course/content/words.py

address: $(READY) ## Write the course's public address, from pyproject.toml, into the first cell of each notebook
	$(BIN)/python book/_ext/course/content/address.py

clean: ## Remove the environment, the built book and the trained models (the data stay)
	rm -rf $(VENV) book/_build book/exercises .cache *.egg-info .pytest_cache .ruff_cache .hypothesis

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit("Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.12 ..." % v if v < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
ifneq ($(TORCH_INDEX),)
	$(UV) --index-url "$(TORCH_INDEX)" $(shell grep -oE '^(torch|torchvision)==[^ ;]+' requirements.txt)
	grep -vE '^(cuda|nvidia|triton)' requirements.txt > $(VENV)/requirements.txt
else
	cp requirements.txt $(VENV)/requirements.txt
endif
	$(UV) --requirement $(VENV)/requirements.txt
	$(UV) --no-deps --editable .
	touch $@
