#!/bin/sh
# The command of every deploy key: git-command.sh REPOSITORY_FOLDER ro|rw
# Permits git's two server programs on that one repository and nothing else.
set -eu
repository=$1 access=$2
name=$(basename "$repository")

refuse() {
  echo "ERROR: $1" >&2
  exit 1
}

case "${SSH_ORIGINAL_COMMAND-}" in
  "git-upload-pack '/$name'" | "git-upload-pack '$name'") program=git-upload-pack ;;
  "git-receive-pack '/$name'" | "git-receive-pack '$name'") program=git-receive-pack ;;
  git-*) refuse "Repository not found, or this deploy key gives no access to it." ;;
  *) refuse "This server offers git and nothing else." ;;
esac
if [ "$program" = git-receive-pack ] && [ "$access" != rw ]; then
  refuse "The key you are authenticating with has been marked as read only."
fi
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
exec "$program" "$repository"
