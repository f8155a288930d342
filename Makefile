# make demo    bring up examples/shop on this machine and show that it works (make demo-stop takes it down)
# make test    the whole test suite, real kernel and real registry included
# make check   lint, types and the tests that need nothing; what to run before a commit
# make reference  write what is made from the commands anew: docs/commands.md, docs/flags.md and the man pages
# make messages   write the modules of engine/buildkit/messages anew
# make bench   how fast `config`, pulls, `up`, `up` again and `down` are, beside docker and podman-compose where installed
#
# Debian 12 or 13 with git, make and python3-venv; root, or a user with sudo. Debian packages are installed when missing.

PYTHON ?= python3
# Test processes at the same time.
JOBS ?= $(shell nproc)
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo --preserve-env=SHOP_PORT$(comma)CI)
comma = ,

# crun runs containers, conmon watches them; nft shows the firewall to people and tests; tini is `init: true`, ps is `top`.
PACKAGES = conmon crun nftables procps tini
# What makes and serves the images of the tests, and what single tests need.
TEST_PACKAGES = busybox-static docker-registry iproute2 mmdebstrap mount

BIN = .venv/bin

.PHONY: demo demo-stop down test check dev images bench packages reference messages

demo: packages .venv/installed
	@$(SUDO) $(BIN)/python scripts/demo.py up

demo-stop down: .venv/installed
	@$(SUDO) $(BIN)/python scripts/demo.py down

test: packages .venv/installed-dev
	@scripts/packages.sh $(TEST_PACKAGES)
	@docker=$$(scripts/docker-cli.sh) && buildx=$$(scripts/docker-buildx.sh) && \
	  $(SUDO) env PATH="/usr/sbin:/sbin:$$PATH:$$(dirname "$$docker")" PYCOMPOSE_TEST_BUILDX="$$buildx" \
	  $(BIN)/python -m tests.images run $(BIN)/pytest --root --net -p no:cacheprovider --numprocesses $(JOBS) --dist loadfile $(TESTS)

check: dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/pytest

reference: dev
	$(BIN)/python -m scripts.reference

messages: dev
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. engine/buildkit/messages/*.proto

dev: .venv/installed-dev

images: packages .venv/installed
	@scripts/packages.sh $(TEST_PACKAGES)
	@$(SUDO) $(BIN)/python -m tests.images run true

bench: packages .venv/installed
	@scripts/packages.sh $(TEST_PACKAGES)
	@$(SUDO) $(BIN)/python -m tests.images run $(BIN)/python -m scripts.bench $(BENCH)

packages:
	@scripts/packages.sh $(PACKAGES)

.venv/installed: pyproject.toml
	@echo "installing pycompose into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/installed-dev: pyproject.toml .venv/installed
	@echo "installing the development tools into .venv"
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@
