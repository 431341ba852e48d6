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
