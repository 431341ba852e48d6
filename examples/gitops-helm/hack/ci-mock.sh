#!/usr/bin/env bash
# Plays the CI pipeline of the application: makes an image as CI would for a commit on a branch, and pushes it.
#
#   ./ci-mock.sh -r stefanprodan/podinfo -b dev
#   ./ci-mock.sh -r stefanprodan/podinfo -b stg -v 1.1.0-rc1
#
# The tag is always <branch>-<8 random characters>, as if those were a commit's short SHA.
#
# With a docker daemon the image is built by Dockerfile.ci and pushed with docker's credentials. Without one it is put
# together here and pushed by the registry's HTTP API; that image can be pulled, and holds one text file and no program.
set -euo pipefail

repository=stefanprodan/podinfo
branch=master
version=0.4.0
registry=${REGISTRY:-docker.io}

fail() {
  echo "ci-mock.sh: $*" >&2
  exit 1
}

usage() {
  cat <<USAGE
Usage: ci-mock.sh [-r repository] [-b branch] [-v version]

  -r  image repository without a registry ($repository)
  -b  branch the image is made for; the tag begins with it ($branch)
  -v  version the application reports ($version)

REGISTRY names the registry, host[:port][/prefix] (docker.io). One on the loopback interface is spoken to by plain http.
USAGE
}

while getopts ':r:b:v:h' option; do
  case $option in
    r) repository=$OPTARG ;;
    b) branch=$OPTARG ;;
    v) version=$OPTARG ;;
    h) usage && exit 0 ;;
    :) usage >&2 && fail "-$OPTARG needs a value" ;;
    *) usage >&2 && fail "there is no flag -$OPTARG" ;;
  esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || fail "nothing is expected after the flags, and there is: $*"

# Whatever passes here can stand in a reference, a URL and a JSON string as it is.
[[ $repository =~ ^[a-z0-9]+([._/-]+[a-z0-9]+)*$ ]] ||
  fail "-r $repository is no image repository; write it like stefanprodan/podinfo (the registry goes into REGISTRY)"
[[ $branch =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,118}$ ]] ||
  fail "-b $branch cannot stand in a tag; use letters, digits, '_', '.' and '-'"
[[ $version =~ ^[A-Za-z0-9_.+-]+$ ]] || fail "-v $version is no version; write it like 1.1.0-rc1"
[[ $registry =~ ^[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$ ]] ||
  fail "REGISTRY=$registry is no registry; write it as host[:port][/prefix]"

commit=$(head -c 4096 /dev/urandom | LC_ALL=C tr -dc 'a-z0-9' | cut -c1-8)
tag=$branch-$commit
host=${registry%%/*}
path=${registry#"$host"}
path=${path#/}
path=${path:+${path%/}/}$repository

has_docker() {
  command -v docker >/dev/null && docker info >/dev/null 2>&1
}

push_by_docker() {
  local name=$repository
  [ "$registry" = docker.io ] || name=$host/$path
  local here
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  docker build --tag "$name:$tag" --build-arg "GITCOMMIT=$commit" --build-arg "VERSION=$version" \
    --file "$here/Dockerfile.ci" "$here"
  tagged
  docker push "$name:$tag"
}

tagged() {
  echo "Successfully tagged $repository:$tag"
}

# Calls the registry; the answer's headers are left in $work/headers. Fails unless the status is the one expected.
#   call <what for> <status> <curl arguments…>
call() {
  local what=$1 expected=$2 status
  shift 2
  status=$(curl --silent --show-error --max-time 60 --dump-header "$work/headers" --output "$work/answer" \
    --write-out '%{http_code}' "$@") || fail "$what: the registry $host does not answer"
  case $status in
    "$expected") ;;
    401 | 403) fail "$what: the registry $host wants credentials (status $status); push with docker after docker login" ;;
    *) fail "$what: the registry $host answered with status $status: $(head -c 500 "$work/answer")" ;;
  esac
}

digest() {
  echo "sha256:$(sha256sum <"$1" | cut -d ' ' -f 1)"
}

push_blob() {
  local file=$1 what=$2 location
  call "starting to push the $what" 202 --request POST --header 'Content-Length: 0' "$api/blobs/uploads/"
  location=$(tr -d '\r' <"$work/headers" | sed -n 's/^[Ll]ocation: *//p' | tail -n 1)
  case $location in
    http://* | https://*) ;;
    /*) location=$scheme://$host$location ;;
    *) fail "pushing the $what: the registry $host does not say where to" ;;
  esac
  case $location in
    *\?*) location+="&digest=$(digest "$file")" ;;
    *) location+="?digest=$(digest "$file")" ;;
  esac
  call "pushing the $what" 201 --request PUT --header 'Content-Type: application/octet-stream' \
    --data-binary "@$file" "$location"
  digest "$file" | cut -c 8-19 | sed 's/$/: Pushed/'
}

push_by_http() {
  local program
  for program in curl sha256sum tar gzip; do
    command -v "$program" >/dev/null || fail "there is no docker daemon, and without one $program is needed"
  done
  [ "$host" != docker.io ] ||
    fail "there is no docker daemon, and docker.io takes no image without docker's credentials; start docker or set REGISTRY"
  case ${host%:*} in
    localhost | 127.*)
      scheme=http
      export no_proxy="${no_proxy:+$no_proxy,}${host%:*}"
      ;;
    *) scheme=https ;;
  esac
  api=$scheme://$host/v2/$path
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT

  local created
  created=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
  case $created in
    *N*) created=$(date -u +%Y-%m-%dT%H:%M:%SZ) ;; # a date that knows no nanoseconds
  esac

  mkdir "$work/root"
  printf 'version %s\nbranch %s\ncommit %s\n' "$version" "$branch" "$commit" >"$work/root/podinfo.txt"
  tar -C "$work/root" -cf "$work/layer.tar" podinfo.txt
  gzip -n -c "$work/layer.tar" >"$work/layer.tar.gz"
  cat >"$work/config.json" <<JSON
{"created":"$created","architecture":"amd64","os":"linux","config":{"Labels":{"version":"$version","commit":"$commit"}},"rootfs":{"type":"layers","diff_ids":["$(digest "$work/layer.tar")"]},"history":[{"created":"$created","created_by":"ci-mock.sh"}]}
JSON
  cat >"$work/manifest.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$(digest "$work/config.json")","size":$(wc -c <"$work/config.json")},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"$(digest "$work/layer.tar.gz")","size":$(wc -c <"$work/layer.tar.gz")}]}
JSON
  tagged
  echo "The push refers to repository [$host/$path]"
  push_blob "$work/layer.tar.gz" layer
  push_blob "$work/config.json" configuration
  call "pushing the manifest" 201 --request PUT \
    --header 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
    --data-binary "@$work/manifest.json" "$api/manifests/$tag"
  echo "$tag: digest: $(digest "$work/manifest.json") size: $(($(wc -c <"$work/manifest.json")))"
}

if has_docker; then push_by_docker; else push_by_http; fi
