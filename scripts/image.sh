#!/usr/bin/env bash
# Builds a service's image: image.sh user-service [tag] [more arguments of docker build]
set -euo pipefail
cd "$(dirname "$0")/.."
service=${1:-} tag=${2:-dev}
shift "$(($# < 2 ? $# : 2))"
refuse() { echo "image.sh: $1" >&2; exit 64; }
[[ $service =~ ^[a-z0-9-]+$ && -f cmd/$service/main.ts ]] || refuse "there is no service \"$service\"; services: $(ls cmd | paste -sd' ')"
# The grammar of https://github.com/distribution/reference, which docker names only after it has read the sources.
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || refuse "\"$tag\" is no tag: up to 128 of A-Z, a-z, 0-9, _, . and -, as 1.2.3"

# Where the sources are, for who finds the image: SOURCE, else the repository that was cloned. What a URL holds before @ is a login.
origin=$(git remote get-url origin 2>/dev/null || true)
source=${SOURCE:-$(sed -nE 's#^https://([^/]*@)?([^?\#]*).*#https://\2#p' <<<"$origin")}

# A client without buildx can build with the BuildKit of its engine, when there is none it refuses.
docker=docker
if ! docker buildx version >/dev/null 2>&1 && [ -x /usr/bin/docker ]; then docker=/usr/bin/docker; fi

# The commit's time, not the clock's: it says how old the sources are.
DOCKER_BUILDKIT=1 exec "$docker" build --file build/package/Dockerfile --tag "$service:$tag" \
  --build-arg SERVICE="$service" \
  --build-arg VERSION="$([ "$tag" = dev ] && echo 0.0.0-dev || echo "$tag")" \
  --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  --build-arg CREATED="$(git log -1 --format=%cI 2>/dev/null || echo 1970-01-01T00:00:00Z)" \
  --build-arg SOURCE="${source%.git}" \
  "$@" .
