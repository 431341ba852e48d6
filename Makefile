# Windlass: what a person types. Everything that is built or installed lands in the cache below, outside the tree.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/windlass
export WINDLASS_TOOLS := $(CACHE)/tools
export CARGO_TARGET_DIR ?= $(CACHE)/target
export WINDLASS_BIN := $(CARGO_TARGET_DIR)/debug

# One build for the demo, the tests and CI, with the points at which tests kill a service.
FEATURES := --features service-kit/failpoints
PACKAGES := gcc libc6-dev ca-certificates docker-registry postgresql openssh-server openssh-client git iproute2 curl jq
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: tools build ## Play the whole story against real servers (CONTEXT=name REGISTRY=host/prefix: on a cluster of yours)
	$(WINDLASS_BIN)/demo $(if $(CONTEXT),--context $(CONTEXT) --registry $(REGISTRY))

.PHONY: up
up: tools build ## Start the same and stay up until Ctrl-C
	$(WINDLASS_BIN)/demo --stay-up

.PHONY: test
test: tools build ## Run every test
	cargo test --workspace --locked $(FEATURES) $(TEST_ARGS)

.PHONY: build
build: ## Build the services and the testbed
	cargo build --workspace --bins --locked $(FEATURES)

.PHONY: tools
tools: packages ## Install Debian's packages and build the Kubernetes programs, once
	@integration-tests/tools/build.sh $(WINDLASS_TOOLS)

.PHONY: packages
packages:
	@missing=$$(for name in $(PACKAGES); do dpkg-query -Wf '$${db:Status-Status}\n' $$name 2>/dev/null | grep -qx installed || echo $$name; done); \
	if [ -n "$$missing" ]; then \
	  echo "tools: installing" $$missing; \
	  $(SUDO) apt-get -q update >/dev/null; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing >/dev/null; \
	fi

DENY := $(CACHE)/deny/bin/cargo-deny

$(DENY):
	@echo "tools: building cargo-deny"
	@env -u CARGO_TARGET_DIR cargo install -q --locked --root $(CACHE)/deny cargo-deny@0.20.2

.PHONY: tidy
tidy: $(DENY) ## Check layers, dependencies, format and lints
	cargo fmt --all --check
	$(DENY) check bans licenses sources
	integration-tests/tools/tidy-layers.sh
	diff -r deploy/crds helm/windlass/crds
	cargo clippy --workspace --all-targets --locked $(FEATURES) -- -D warnings

.PHONY: oracle
oracle: ## Make the expected results of the tests again, with the real tools
	cd integration-tests/oracle && ./regenerate.sh

.PHONY: crds
crds: ## Print the CRDs from their Rust types into deploy/crds and the chart
	cargo run -q -p crds --locked --bin print-crds deploy/crds
	cp deploy/crds/*.yaml helm/windlass/crds/
