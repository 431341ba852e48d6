#!/usr/bin/env bash
# Makes the expected results of the oracle cases again, with Go's own libraries. `git diff` must stay empty.
set -euo pipefail
cd "$(dirname "$0")"
crates=../../crates
# Dates are printed in the local zone.
export TZ=UTC
go run ./cmd/yaml "$crates/go-yaml/tests/cases"
go run ./cmd/template "$crates/go-template/tests/cases"
go run ./cmd/template -sprig "$crates/sprig/tests/cases"
go run ./cmd/unicode PRINT LETTER DIGIT >"$crates/go-template/src/unicode/tables.rs"
go run ./cmd/unicode LETTER DIGIT >"$crates/go-yaml/src/order/unicode/tables.rs"
go test -count=1 ./cmd/vectors -args "$PWD/$crates/sprig/tests/vectors/made.json"

(cd helm && go run ./cmd/readiness "../$crates/kube-apply/tests/cases/readiness.cases")
(cd helm && go run ./cmd/capabilities) >"$crates/helm-engine/src/capabilities/api_versions.txt"
(cd helm && go run ./cmd/load "../$crates/helm-chart/tests/cases")
(cd helm && go run ./cmd/set "../$crates/helm-chart/tests/cases" && go run ./cmd/schema "../$crates/helm-chart/tests/cases")
(cd helm && go run ./cmd/index "../$crates/helm-chart/tests/cases" "../$crates/release-operator/tests/cases")
lint=../$crates/helm-engine
(cd helm && go run ./cmd/lint "$lint/tests/lint" && go run ./cmd/lint -deprecations >"$lint/src/lint/deprecations.txt")
(cd helm && go run ./cmd/lint -addresses "$lint/tests/lint/addresses.txt" >addresses && mv addresses "$lint/tests/lint/addresses.txt")

engine=../$crates/helm-engine
(cd kustomize && go run ./cmd/merge-keys) >"$crates/helm-engine/src/post_render/kinds.txt"
(cd kustomize && go run ./cmd/post-render "$engine/tests/cases/post_render" && go run ./cmd/post-render "$engine/tests/cases/post_render_differs")
(cd kustomize && go run ./cmd/directives "$engine/tests/cases/post_render_directives")

helm=${WINDLASS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass/tools}/helm
"$crates/helm-engine/tests/regenerate.sh" "$helm"
"$crates/windlass/tests/regenerate.sh" "$helm"
