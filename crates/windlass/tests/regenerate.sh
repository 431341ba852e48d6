#!/usr/bin/env bash
# Makes the expected outputs of the cases with the real helm: regenerate.sh HELM [CASE…]
#
# A case is `cases/CHART/CASE.values.yaml`, the user's values; a first line `# helm: FLAGS` adds flags of `helm template`,
# whose paths are relative to the crate. Output goes to `.out`, an error to `.err`. What follows a key in a line that ends in
# `# random` is left out; of a schema's errors, only headings and JSON pointers are kept, which helm prints in any order.
set -euo pipefail
helm=$(realpath "${1:?usage: regenerate.sh HELM [CASE...]}")
shift
cd "$(dirname "$0")/.."
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export HOME=$home KUBECONFIG=/dev/null TZ=UTC
# Dependencies that are packed: tests/packed/CHART/ARCHIVE/NAME is the source of tests/charts/CHART/charts/ARCHIVE.tgz.
for source in tests/packed/*/*; do
  [ $# = 0 ] || break
  archive=tests/charts/$(basename "$(dirname "$source")")/charts/$(basename "$source").tgz
  mkdir -p "$(dirname "$archive")"
  tar -C "$source" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -cf - "$(ls "$source")" | gzip -9n >"$archive"
done
comparable() {
  local line pointers=()
  while IFS= read -r line; do
    if [[ $line =~ ^\ *-\ at\ \'([^\']*)\':\  ]]; then
      pointers+=("- at '${BASH_REMATCH[1]}'")
    else
      [ ${#pointers[@]} = 0 ] || printf '%s\n' "${pointers[@]}" | LC_ALL=C sort -u
      pointers=()
      printf '%s\n' "$line"
    fi
  done
  [ ${#pointers[@]} = 0 ] || printf '%s\n' "${pointers[@]}" | LC_ALL=C sort -u
}
[ $# != 0 ] || set -- tests/cases/*/*.values.yaml
for values in "$@"; do
  case=${values%.values.yaml}
  chart=tests/charts/$(basename "$(dirname "$values")")
  read -ra flags < <(sed -n '1s/^# helm: //p' "$values") || true
  rm -f "$case".{out,err}
  if "$helm" template demo "$chart" --namespace space --kube-version v1.36.0 --values "$values" "${flags[@]}" >"$home/out" 2>"$home/err"; then
    sed -e 's/: .* # random$/: # random/' "$home/out" >"$case.out"
  else
    # Without the lines that helm logs.
    grep -v '^level=' "$home/err" | comparable >"$case.err"
  fi
done
