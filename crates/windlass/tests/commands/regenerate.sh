#!/usr/bin/env bash
# Records what the real helm does with the command lines of template.txt and lint.txt: regenerate.sh HELM [NAME]
set -euo pipefail
helm=${1:?usage: regenerate.sh HELM [NAME]}
helm=$(realpath "$helm")
only=${2:-}
cd "$(dirname "$0")/../.."
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
recorded=tests/commands/recorded
mkdir -p "$recorded"
[ -n "$only" ] || rm -f "$recorded"/*.txt

# What a line's first words set, its arguments, and what it reads.
run() {
  local line=${1//@/tests/commands/}
  line=${line//\{tmp\}/$tmp}
  local settings=()
  while [[ $line =~ ^([A-Z_]+=[^ ]*)\ (.*)$ ]]; do
    settings+=("${BASH_REMATCH[1]}")
    line=${BASH_REMATCH[2]}
  done
  # Braces and brackets are helm's, not the shell's.
  set +B -f
  eval "env -i HOME=$home PATH=/usr/bin:/bin ${settings[*]} '$helm' $line"
}

while IFS= read -r row; do
  case $row in '' | '#'*) continue ;; esac
  name=${row%%: *}
  [ -z "$only" ] || [ "$only" = "$name" ] || continue
  tmp=$home/tmp
  rm -rf "$tmp" && mkdir "$tmp"
  code=0
  (run "${row#*: }") >"$home/out" 2>"$home/err" </dev/null || code=$?
  {
    echo "exit code $code"
    echo "== standard error"
    cat "$home/err"
    echo "== standard output"
    cat "$home/out"
    (cd "$tmp" && find . -type f | sort | while read -r file; do echo "== ${file#./}" && cat "$file"; done)
  } | sed -e "s#$tmp#{tmp}#g" -e "s#$PWD#{cwd}#g" -e "s#${PWD%/*}#{crates}#g" -e "s#/tmp/helm-lint[0-9]*#{archive}#g" >"$recorded/$name.txt"
done < <(cat tests/commands/template.txt tests/commands/lint.txt)
