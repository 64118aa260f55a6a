#!/usr/bin/env bash
# Brings the compose file's services up and waits until they are healthy: up.sh [profile]. Builds the image where it is missing.
set -euo pipefail
cd "$(dirname "$0")"
profile=${1:-}
docker image inspect "user-service:${TAG:-dev}" >/dev/null 2>&1 || ./image.sh user-service "${TAG:-dev}"
./compose.sh ${profile:+--profile "$profile"} up --detach

# docker-compose 1.x has no --wait.
for _ in $(seq 60); do
  state=$(docker inspect --format '{{.State.Health.Status}}' "$(./compose.sh ps --quiet user-service)")
  if [ "$state" = healthy ]; then
    echo "user-service is healthy: http://localhost:${PORT:-8080}; operators: http://localhost:${ADMIN_PORT:-9090}/metrics"
    exit 0
  fi
  sleep 1
done
./compose.sh logs --tail=20
echo "user-service is $state after 60 s" >&2
exit 1
