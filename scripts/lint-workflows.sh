#!/usr/bin/env bash
# Checks .github/workflows, where actionlint is installed. On a build server it must be.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v actionlint >/dev/null; then exec actionlint; fi
echo "actionlint is not installed (make tools): .github/workflows is not checked" >&2
[ -z "${CI:-}" ]
