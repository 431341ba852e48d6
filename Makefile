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
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: demo
demo: tools build ## Play the whole story against real servers (CONTEXT=name REGISTRY=host/prefix: on a cluster of yours)
	$(WINDLASS_BIN)/demo $(if $(CONTEXT),--context $(CONTEXT) --registry $(REGISTRY))

.PHONY: up
up: tools build ## Start the same and stay up until Ctrl-C
	$(WINDLASS_BIN)/demo --stay-up

.PHONY: test
test: tools build ## Run every test
	cargo test --workspace --locked $(FEATURES) $(TEST_ARGS)

.PHONY: kill-test
kill-test: tools build ## Kill release-operator at random moments of its work and check what is left (RUNS=200 SEED=1)
	KILL_RUNS=$(or $(RUNS),200) KILL_SEED=$(SEED) cargo test --workspace --locked $(FEATURES) --test release_kills -- --nocapture

.PHONY: replica-test
replica-test: tools build ## Kill, freeze and end replicas of release-operator at random and check what is left (ROUNDS=100 SEED=1)
	MEMBERSHIP_ROUNDS=$(or $(ROUNDS),100) MEMBERSHIP_SEED=$(SEED) cargo test --workspace --locked $(FEATURES) --test membership -- --nocapture

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

.PHONY: bench-template
bench-template: ## Compare the template engine with Go's: time and memory, in one run
	cd integration-tests/oracle && go build -trimpath -o $(CACHE)/oracle/bench ./cmd/bench
	cargo build --release --locked -p beside-go --bin bench-template
	@$(CARGO_TARGET_DIR)/release/bench-template $(CACHE)/oracle/bench

.PHONY: bench-render
bench-render: tools ## Compare windlass template with helm template, and our engine with Helm's: time and memory, in one run
	cd integration-tests/oracle/helm && go build -trimpath -o $(CACHE)/oracle/bench-render ./cmd/bench
	cargo build --release --locked -p windlass -p beside-go --bin windlass --bin bench-render
	@$(CARGO_TARGET_DIR)/release/bench-render $(WINDLASS_TOOLS)/helm $(CACHE)/oracle/bench-render $(CACHE)/bench-render

.PHONY: bench-releases
bench-releases: tools ## Compare release-operator with its writes alone, and with helm: time, requests and memory (SIZES=100,500,1000 ONLY=ours CRDS=50,1000)
	cargo build --release --locked -p release-operator -p git-syncer -p integration-tests \
	  --bin release-operator --bin git-syncer --bin testbed-keeper --bin bench-releases
	@WINDLASS_BIN=$(CARGO_TARGET_DIR)/release $(CARGO_TARGET_DIR)/release/bench-releases \
	  $(if $(SIZES),--sizes $(SIZES)) $(if $(ONLY),--only $(ONLY)) $(if $(CRDS),--crds $(CRDS))

.PHONY: fuzz-template
fuzz-template: ## Compare the template engine with Go's on random templates (SECONDS=3600 SEED=1)
	cd integration-tests/oracle && go build -trimpath -o $(CACHE)/oracle/template ./cmd/template
	cargo build --release --locked -p beside-go --bin fuzz-template
	@failed=; for mode in "" --sprig; do \
	  echo "fuzz-template $$mode"; \
	  $(CARGO_TARGET_DIR)/release/fuzz-template --oracle $(CACHE)/oracle/template --out $(CACHE)/fuzz-template$$mode.cases \
	    --seconds $$(($(or $(SECONDS),3600) / 2)) --seed $(or $(SEED),1) $$mode || failed=1; \
	done; test -z "$$failed"

.PHONY: conformance
conformance: tools ## Compare windlass template with the real helm's (CHARTS=folder of charts; without it, our own)
	cargo build --release --locked -p windlass -p beside-go --bin windlass --bin conformance
	@$(CARGO_TARGET_DIR)/release/conformance --helm $(WINDLASS_TOOLS)/helm --windlass $(CARGO_TARGET_DIR)/release/windlass \
	  --keep $(CACHE)/conformance $(if $(CHARTS),--charts $(abspath $(CHARTS)))

FUZZ := $(CACHE)/fuzz
TARGET ?= evaluator
FUZZ_DICTIONARY = $(wildcard integration-tests/fuzz/dictionaries/$(if $(filter yaml%,$(TARGET)),yaml,$(if $(filter evaluator lexer parser,$(TARGET)),template,$(TARGET))).dict)

$(FUZZ)/bin/cargo-fuzz:
	@echo "tools: building cargo-fuzz"
	@env -u CARGO_TARGET_DIR cargo install -q --locked --root $(FUZZ) cargo-fuzz@0.13.2

.PHONY: fuzz
fuzz: PACKAGES += g++
fuzz: packages $(FUZZ)/bin/cargo-fuzz ## Feed hostile input to a parser (TARGET=evaluator SECONDS=600; targets: integration-tests/fuzz)
	@rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
	@mkdir -p $(FUZZ)/corpus/$(TARGET)
	PATH="$(FUZZ)/bin:$$PATH" CARGO_TARGET_DIR=$(FUZZ)/target cargo +nightly fuzz run --fuzz-dir integration-tests/fuzz \
	  $(TARGET) $(FUZZ)/corpus/$(TARGET) -- $(addprefix -dict=,$(FUZZ_DICTIONARY)) \
	  -max_total_time=$(or $(SECONDS),600) -timeout=10 -rss_limit_mb=2048

.PHONY: crds
crds: ## Print the CRDs from their Rust types into deploy/crds and the chart
	cargo run -q -p crds --locked --bin print-crds deploy/crds
	cp deploy/crds/*.yaml helm/windlass/crds/
