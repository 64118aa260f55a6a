#!/usr/bin/env bash
# Pushes a service's image, which `make image TAG=<version>` has built: publish.sh user-service 1.2.3 ghcr.io/owner. The engine is logged in.
# The last line is the image by digest, which is what to deploy.
set -euo pipefail
service=$1 version=$2 registry=${3,,} # names of images have no capitals

docker tag "$service:$version" "$registry/$service:$version"
docker push --quiet "$registry/$service:$version" >&2
docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$service:$version" |
  grep --fixed-strings "$registry/$service@sha256:"
