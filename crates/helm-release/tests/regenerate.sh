#!/usr/bin/env bash
# Makes records/: Secrets as the real helm stores them, of releases of helm-engine's test charts: regenerate.sh HELM
set -euo pipefail
helm=${1:?usage: regenerate.sh HELM}
cd "$(dirname "$0")"
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
(cd oracle && CGO_ENABLED=0 go build -trimpath -o "$home/oracle" .)
export HOME=$home KUBECONFIG=/dev/null
mkdir -p records
for case in web/full parent/default uses-library/default old/default hooks/never; do
  charts=../../helm-engine/tests
  "$helm" install demo "$charts/charts/${case%/*}" --namespace space --values "$charts/cases/$case.values.yaml" \
    --dry-run=client --output json 2>/dev/null | "$home/oracle" encode >"records/${case/\//-}.secret.json"
done
