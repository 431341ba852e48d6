#!/usr/bin/env bash
# Fails when a crate depends against the layers of the design, naming the crate and the dependency.
#
# The workspace's crates stand below in the order of the layers. A crate may depend on crates of its layer's list that
# stand above it, and on lower layers; services never on each other. Pure crates keep away from I/O libraries.
set -euo pipefail
cd "$(dirname "$0")/../.."

pure="go-yaml go-template sprig helm-chart helm-engine helm-release image-policy manifest sealing"
wire="api crds"
shell="kube-apply service-kit windlass"
services="git-syncer image-scanner release-operator secrets-decryptor"
outside="integration-tests beside-go"
# What a pure crate must not know: runtimes, networks, clusters, databases, git, arguments, logs.
io="tokio tokio-stream tokio-util tonic tonic-prost prost hyper axum tower kube kube-client kube-runtime k8s-openapi sqlx reqwest gix gix-transport gix-pack clap tracing opentelemetry tempfile"

fault() { echo "tidy: $*" >&2; faults=$((faults + 1)); }
faults=0

# name<TAB>dependency<TAB>kind for every declared dependency of a member (kind: normal, dev or build)
graph=$(cargo metadata --format-version 1 --no-deps --locked |
  jq -r '.packages[] | .name as $n | .dependencies[] | [$n, .name, (.kind // "normal")] | @tsv')
members=$(cargo metadata --format-version 1 --no-deps --locked | jq -r '.packages[].name')

for member in $members; do
  case " $pure $wire $shell $services $outside " in
  *" $member "*) ;;
  *) fault "$member stands in no layer; name it in integration-tests/tools/tidy-layers.sh" ;;
  esac
done

# allowed CRATE: the workspace's crates that CRATE may depend on
allowed() {
  local crate=$1 before="" other
  case " $pure " in *" $crate "*)
    for other in $pure; do
      [ "$other" = "$crate" ] && break
      before="$before $other"
    done
    # Two that know of each other by design, in an order of their own.
    [ "$crate" = manifest ] && before="go-yaml image-policy"
    echo "$before"
    return
    ;;
  esac
  case " $wire " in *" $crate "*) return ;; esac
  case " $shell " in *" $crate "*) echo "$pure $wire" ; return ;; esac
  case " $services " in *" $crate "*) echo "$pure $wire $shell" ; return ;; esac
  echo "$pure $wire $shell"
}

while IFS=$'\t' read -r crate dependency kind; do
  case " $pure " in *" $crate "*)
    if [ "$kind" = normal ]; then
      case " $io " in *" $dependency "*) fault "$crate is pure and must not depend on $dependency" ;; esac
    fi
    ;;
  esac
  grep -qx "$dependency" <<<"$members" || continue
  case " $(allowed "$crate") " in
  *" $dependency "*) ;;
  *) fault "$crate must not depend on $dependency (the arrows of the design point the other way)" ;;
  esac
done <<<"$graph"

for manifest in crates/*/Cargo.toml integration-tests/Cargo.toml integration-tests/beside-go/Cargo.toml; do
  grep -A1 '^\[lints\]' "$manifest" | grep -q '^workspace = true' || fault "$manifest lacks [lints] workspace = true"
  folder=$(basename "$(dirname "$manifest")")
  grep -q "^name = \"$folder\"" "$manifest" || fault "$manifest: the crate is not named after its folder"
done

# A file past 800 lines holds two ideas.
while read -r lines file; do
  [ "$lines" -le 800 ] || fault "$file has $lines lines; split it"
done < <(git ls-files '*.rs' | xargs wc -l | grep -v ' total$')

if [ "$faults" -gt 0 ]; then
  echo "tidy: $faults fault(s)" >&2
  exit 1
fi
echo "tidy: the layers hold"
