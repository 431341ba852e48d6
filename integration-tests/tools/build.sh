#!/usr/bin/env bash
# Builds the programs the testbed runs, from their Go modules, into $1 (a cache outside the tree).
# Each program is built once per version: a stamp file beside the binary remembers which one stands there.
set -euo pipefail
bin=${1:?usage: build.sh BIN_DIR}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$bin"
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
# An interrupted build must not leave half a binary under the final name.
scratch=$(mktemp -d "$bin/.build.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# build NAME VERSION COMMAND...: runs COMMAND (which writes $scratch/NAME) unless this version is already there.
build() {
  local name=$1 version=$2 started=$SECONDS
  shift 2
  if [ -x "$bin/$name" ] && [ "$(cat "$bin/$name.version" 2>/dev/null)" = "$version" ]; then
    return
  fi
  echo "tools: building $name $version"
  "$@"
  mv "$scratch/$name" "$bin/$name"
  echo "$version" >"$bin/$name.version"
  echo "tools: $name $version is ready ($((SECONDS - started)) s)"
}

# From a go.mod of ours in this folder (the module's own go.mod has replace lines, which `go install` refuses).
module() {
  local folder=$1 package=$2 name=$3 ldflags=$4
  (cd "$here/$folder" && go build -trimpath -ldflags "-s -w $ldflags" -o "$scratch/$name" "$package")
}

# From a published module, as `go install PACKAGE@VERSION` does it.
published() {
  local package=$1 version=$2 name=$3 ldflags=${4:-}
  GOBIN="$scratch" go install -trimpath -ldflags "-s -w $ldflags" "$package@$version"
}

kubernetes=v1.36.3
stamp="-X k8s.io/component-base/version.gitVersion=$kubernetes -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
for name in kube-apiserver kube-controller-manager kube-scheduler kubectl; do
  build "$name" "$kubernetes" module kubernetes "k8s.io/kubernetes/cmd/$name" "$name" "$stamp"
done
etcd() {
  module etcd go.etcd.io/etcd/server/v3 etcd ""
}
build etcd "$(awk '$1=="require" && /server\/v3/ {print $3; exit} $1=="go.etcd.io/etcd/server/v3" {print $2; exit}' "$here/etcd/go.mod")" etcd
build kwok v0.8.0 published sigs.k8s.io/kwok/cmd/kwok v0.8.0 kwok
build helm v4.3.1 published helm.sh/helm/v4/cmd/helm v4.3.1 helm "-X helm.sh/helm/v4/internal/version.version=v4.3.1"
# The same program under another name, for releases made by its last major version.
helm3() {
  published helm.sh/helm/v3/cmd/helm "$1" helm "-X helm.sh/helm/v3/internal/version.version=$1"
  mv "$scratch/helm" "$scratch/helm3"
}
build helm3 v3.22.0 helm3 v3.22.0
build kubeseal v0.27.1 published github.com/bitnami-labs/sealed-secrets/cmd/kubeseal v0.27.1 kubeseal "-X main.VERSION=0.27.1"
build grpcurl v1.9.4 published github.com/fullstorydev/grpcurl/cmd/grpcurl v1.9.4 grpcurl "-X main.version=v1.9.4"
