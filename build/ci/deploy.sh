#!/usr/bin/env bash
# Brings an image to an environment, and waits for the rollout: deploy.sh user-service staging ghcr.io/owner/user-service@sha256:…
# Uses kubectl's current context. DRY_RUN=1 prints what it would apply.
set -euo pipefail
service=$1 environment=$2 image=$3
cd "$(dirname "$0")/../../deployments/kubernetes/overlays"
[ -f "$environment/kustomization.yaml" ] || { echo "deploy.sh: there is no overlay $environment" >&2; exit 64; }
if [[ ! $image =~ ^[a-z0-9./:_-]+@sha256:[0-9a-f]{64}$ ]]; then
  echo "deploy.sh: the image must be named by its digest: registry/name@sha256:…" >&2
  exit 64
fi

# On top of the overlay instead of in it: the sources stay what the commit says. What is replaced is the name that the overlay gives it.
named=$(kubectl kustomize "$environment" | sed -nE "s#^ *(- )?image: ((.*/)?$service)([:@].*)?\$#\\2#p" | sort -u)
[ -n "$named" ] || { echo "deploy.sh: the overlay $environment has no image of $service" >&2; exit 64; }
release=$(mktemp -d "$PWD/.release-XXXXXX")
trap 'rm -r "$release"' EXIT
cat > "$release/kustomization.yaml" <<YAML
resources: [../$environment]
images:
  - { name: $named, newName: ${image%@*}, digest: ${image#*@} }
YAML

if [ -n "${DRY_RUN:-}" ]; then
  kubectl kustomize "$release"
  exit
fi
kubectl apply --kustomize "$release"
namespace=$(awk '$1 == "namespace:" { print $2 }' "$environment/kustomization.yaml")
# As long as progressDeadlineSeconds; `kubectl rollout undo` is a person's decision: docs/operations.md.
kubectl rollout status "deployment/$service" --namespace "$namespace" --timeout 240s
