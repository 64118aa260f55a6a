#!/usr/bin/env bash
# Pushes a service's image, which `TAG=<version> make image` has built: publish.sh user-service 1.2.3 ghcr.io/owner. The engine is logged in.
# A version that the registry has is refused: nodes keep what they pulled by a tag. The last line is the image by digest, which is what to deploy.
set -euo pipefail
service=${1:-} version=${2:-} registry=${3:-}
if [ $# -ne 3 ] || [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  echo "usage: publish.sh user-service 1.2.3 ghcr.io/owner" >&2
  exit 64
fi
name=${registry,,}/$service # names of images have no capitals

# By the engine that pushes: `docker manifest inspect` says "no such manifest" for other troubles too.
if answer=$(docker pull --quiet "$name:$version" 2>&1); then
  echo "publish.sh: $name:$version is there already; a change is a new version" >&2
  exit 73
fi
# Anything else than this answer (no login, no network) does not say that it is new.
if ! grep --quiet --ignore-case --extended-regexp '(manifest|name) unknown|not found|repository does not exist' <<<"$answer"; then
  echo "publish.sh: cannot tell whether $name:$version is there already: $answer" >&2
  exit 69
fi

docker tag "$service:$version" "$name:$version"
docker push --quiet "$name:$version" >&2
docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$service:$version" | grep --fixed-strings "$name@sha256:"
