#!/usr/bin/env bash
# Brings an image to an environment, and waits for the rollout: deploy.sh user-service staging ghcr.io/owner/user-service@sha256:…
# Applies what is the environment's and this service's, from this checkout; other services stay as they run.
# Uses kubectl's current context. DRY_RUN=1 prints what it would apply.
set -euo pipefail
refuse() { echo "deploy.sh: $1" >&2; exit 64; }
[ $# = 3 ] || refuse "usage: deploy.sh SERVICE ENVIRONMENT REGISTRY/NAME@sha256:DIGEST"
service=$1 environment=$2 image=$3
cd "$(dirname "$0")/../../deployments/kubernetes/overlays"
[[ $service =~ ^[a-z0-9-]+$ && -d ../base/$service ]] || refuse "there is no service $service"
[[ $environment =~ ^[a-z0-9-]+$ && -f $environment/kustomization.yaml ]] || refuse "there is no overlay $environment"
namespace=$(awk '$1 == "namespace:" { gsub(/["\047]/, "", $2); print $2 }' "$environment/kustomization.yaml")
[ -n "$namespace" ] || refuse "the overlay $environment names no namespace"
[[ $image =~ ^[a-z0-9./:_-]+/$service@sha256:[0-9a-f]{64}$ ]] || refuse "the image must be the service's, by its digest: registry/$service@sha256:…"

# On top of the overlay instead of in it: the sources stay what the commit says. What is replaced is the name that the overlay gives it.
named=$(kubectl kustomize "$environment" | sed -nE "s#^ *(- )?image: ((.*/)?$service)([:@].*)?\$#\\2#p" | sort -u)
[ -n "$named" ] || refuse "the overlay $environment has no image of $service"
release=$(mktemp -d "$PWD/.release-XXXXXX")
trap 'rm -r "$release"' EXIT
cat > "$release/kustomization.yaml" <<YAML
resources: [../$environment]
images:
  - { name: $named, newName: ${image%@*}, digest: ${image#*@} }
patches:
  # What is another service's is left out: the overlay does not know which release of it runs.
  - target: { labelSelector: "app.kubernetes.io/component=rpc-service,app.kubernetes.io/name!=$service" }
    patch: '{ \$patch: delete, apiVersion: any, kind: any, metadata: { name: any } }'
YAML

if [ -n "${DRY_RUN:-}" ]; then
  kubectl kustomize "$release"
  exit
fi
kubectl apply --kustomize "$release"
# As long as progressDeadlineSeconds; `kubectl rollout undo` is a person's decision: docs/operations.md.
kubectl rollout status "deployment/$service" --namespace "$namespace" --timeout 240s
