#!/usr/bin/env bash
# Compares the protos with those of a git revision: $1, else where this branch left main, else the commit before.
set -euo pipefail
cd "$(dirname "$0")/.."

base() {
  local main revision
  for main in origin/main main; do
    revision=$(git merge-base HEAD "$main" 2>/dev/null) || continue
    [ "$revision" = "$(git rev-parse HEAD)" ] || { echo "$revision"; return; }
  done
  git rev-parse --verify --quiet HEAD^ || true
}

against=${1:-$(base)}
if [ -z "$against" ] && [ "$(git rev-parse --is-shallow-repository)" = true ]; then
  echo "This clone has no history to compare the protos with: fetch it (git fetch --unshallow)." >&2
  exit 1
fi
if [ -z "$against" ]; then
  echo "Nothing to compare the protos with: this is the first commit here."
  exit
fi
echo "Comparing the protos with those of $(git log -1 --format='%h %s' "$against")."
buf breaking --against ".git#ref=$against"
