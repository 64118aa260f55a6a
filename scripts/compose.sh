#!/usr/bin/env bash
# docker compose with the project's file: `docker compose` where that is there, else docker-compose 1.x.
set -euo pipefail
cd "$(dirname "$0")/.."
compose=(docker compose)
docker compose version >/dev/null 2>&1 || compose=(docker-compose)
exec "${compose[@]}" --project-name "${COMPOSE_PROJECT_NAME:-grpc-service-template}" --file deployments/docker-compose.yml "$@"
