#!/usr/bin/env bash
# Builds a service's image, starts it with what it needs by the compose file, and waits until it is healthy: up.sh user-service [profile].
# With TAG=1.2.3 it builds nothing and starts that image.
set -euo pipefail
cd "$(dirname "$0")/.."
file=deployments/docker-compose.yml
service=${1:-} profile=${2:-}

fail() {
  echo "make up: $1" >&2
  exit "${2:-1}"
}

# What is asked for is there.
if [ ! -d "cmd/$service" ] || ! grep --quiet --line-regexp --fixed-strings "  $service:" "$file"; then
  fail "$file has no service SERVICE=$service; docs/operations.md, Compose, says what to add for a further one" 64
fi
members=$(awk -v wanted="profiles: [$profile]" '/^  [a-z]/ { name = $1 } index($0, wanted) { sub(":", "", name); print name }' "$file")
if [ -n "$profile" ] && [ -z "$members" ]; then
  fail "no profile PROFILE=$profile; there is: $(sed -nE 's/^ *profiles: \[(.*)\]$/\1/p' "$file" | sort -u | paste -sd' ')" 64
fi
compose=(scripts/compose.sh ${profile:+--profile "$profile"})

# Its ports are free, or held by what is to be replaced: compose would find out one by one, with the database up already.
ours=" $("${compose[@]}" ps --quiet | xargs --no-run-if-empty --max-args=1 docker port | sed 's/.*://' | paste -sd' ') "
for variable in "PORT ${PORT:-8080}" "ADMIN_PORT ${ADMIN_PORT:-9090}" ${profile:+"PROMETHEUS_PORT ${PROMETHEUS_PORT:-9091}"}; do
  read -r name port <<<"$variable"
  if [[ $ours != *" $port "* ]] && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use; stop what listens there or choose another: $name=$((port + 1000)) make up" 71
  fi
done

if [ -z "${TAG:-}" ]; then
  scripts/image.sh "$service"
elif ! docker image inspect "$service:$TAG" >/dev/null 2>&1; then
  fail "there is no image $service:$TAG: TAG=$TAG make image" 64
fi

# Its members are several words, or none.
# shellcheck disable=SC2086
"${compose[@]}" up --detach "$service" $members || fail "docker compose failed, see above; what runs: scripts/compose.sh ps, make down"

# docker-compose 1.x has no --wait.
container=$("${compose[@]}" ps --quiet "$service")
inspect() { docker inspect --format "$1" "$container"; }
give_up() {
  docker logs --tail=20 "$container"
  "${compose[@]}" stop "$service" >/dev/null 2>&1
  fail "$service $1; its last lines are above. docs/operations.md, It starts, has the exit codes. make down ends the rest"
}
for _ in $(seq 300); do
  read -r status health code <<<"$(inspect '{{.State.Status}} {{.State.Health.Status}} {{.State.ExitCode}}')"
  if [ "$health" = healthy ]; then
    echo "$service is healthy: http://localhost:${PORT:-8080}; operators: http://localhost:${ADMIN_PORT:-9090}/metrics"
    exit 0
  fi
  # It is started again by the engine, for what passes; at start nothing does.
  case $status in exited | restarting | dead) give_up "has ended with exit code $code" ;; esac
  sleep 0.2
done
give_up "is $health after 60 s"
