#!/usr/bin/env bash
# Starts a Kubernetes of one node in Docker, and makes it kubectl's current context, unless one answers there already.
set -euo pipefail
if kubectl get --raw /readyz --request-timeout=5s >/dev/null 2>&1; then exit; fi

tools=${XDG_CACHE_HOME:-$HOME/.cache}/grpc-service-template/bin
export PATH=$PATH:$tools
command -v kind >/dev/null || GOBIN=$tools go install sigs.k8s.io/kind@v0.30.0
exec kind create cluster --wait 120s
