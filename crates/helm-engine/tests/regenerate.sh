#!/usr/bin/env bash
# Makes the expected outputs of the cases with the real helm: regenerate.sh HELM
# A case is a values file; a first line `# helm: FLAGS` adds flags of `helm template`.
set -euo pipefail
helm=${1:?usage: regenerate.sh HELM}
cd "$(dirname "$0")"
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export HOME=$home KUBECONFIG=/dev/null
for values in cases/*/*.values.yaml; do
  case=${values%.values.yaml}
  chart=charts/$(basename "$(dirname "$values")")
  read -ra flags < <(sed -n '1s/^# helm: //p' "$values") || true
  rm -f "$case".{out,err,notes}
  common=(demo "$chart" --namespace space --values "$values")
  if "$helm" template "${common[@]}" --kube-version v1.36.0 "${flags[@]}" >"$case.out" 2>"$home/err"; then
    # Only `install` shows the notes, and it knows no flags for capabilities.
    notes=()
    [[ " ${flags[*]} " == *" --render-subchart-notes "* ]] && notes=(--render-subchart-notes)
    "$helm" install "${common[@]}" "${notes[@]}" --dry-run=client 2>/dev/null | sed '1,/^NOTES:$/d' >"$case.notes" || true
    [ -s "$case.notes" ] || rm -f "$case.notes"
  else
    rm -f "$case.out"
    # Without the lines that helm logs, and without the hint at its end.
    grep -v '^level=' "$home/err" | sed -e 's/^Error: //' -e '/^$/,$d' >"$case.err"
  fi
done
