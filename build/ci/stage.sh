#!/usr/bin/env bash
# Runs one stage of continuous integration in a clean checkout: stage.sh lint|test|image|rollout|nightly. Together the first four are `make ci`.
set -euo pipefail
cd "$(dirname "$0")/../.."
# As make ci has it: a missing tool fails, the database comes from a container.
export CI=true TEST_DATABASE=testcontainers

case ${1:-} in
  lint) exec .ci/run lint typecheck proto-fresh proto-breaking reading-budget ;;
  test) TEST_FLAGS=--coverage exec .ci/run test test-abuse ;;
  image) exec .ci/run build image test-image test-manifests ;;
  rollout) exec .ci/run rollout-test ;;
  nightly)
    build/ci/cluster.sh
    K8S_E2E=required exec .ci/run ci-full
    ;;
  *)
    echo "usage: stage.sh lint|test|image|rollout|nightly" >&2
    exit 64
    ;;
esac
