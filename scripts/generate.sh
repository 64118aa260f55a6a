#!/usr/bin/env bash
# Generates all code, and all documents, that follow from other sources. With --check, fails when that changed anything.
set -euo pipefail
cd "$(dirname "$0")/.."

fingerprint() {
  git ls-files --cached --others --exclude-standard -- pkg/api 'pkg/*/gen/*' 'internal/app/*/prisma/generated/*' \
    docs/configuration docs/errors.md docs/metrics.md |
    sort | while read -r file; do [ ! -f "$file" ] || sha256sum "$file"; done | sha256sum
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

before=$(fingerprint)

for template in buf.gen.yaml pkg/*/buf.gen.yaml pkg/*/test/buf.gen.yaml; do
  [ ! -f "$template" ] || buf generate --template "$template"
done
for config in internal/app/*/prisma/prisma.config.ts; do
  prisma generate --config "$config" --no-hints >/dev/null 2>"$log" || { cat "$log" >&2; exit 1; }
done
for document in configuration errors metrics; do node "scripts/docs/$document.ts"; done

if [ "${1:-}" = --check ] && [ "$before" != "$(fingerprint)" ]; then
  echo "Generated code or documents were stale. They have been generated anew: review and commit it." >&2
  exit 1
fi
