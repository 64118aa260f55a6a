#!/usr/bin/env bash
# Runs make targets one after the other, all of them, and says how each went. The last line sums up the tests.
set -uo pipefail
cd "$(dirname "$0")/.."

# A tool or an engine that is missing is a failure here, not a reason to skip.
export CI=true TEST_DATABASE=${TEST_DATABASE:-testcontainers} TEST_FLAGS=--coverage

rm -f .cache/suites.json
summary=() failed=0
for target in "$@"; do
  echo "=== make $target"
  started=$SECONDS
  if make "$target"; then verdict=ok; else verdict=FAILED failed=1; fi
  summary+=("$(printf '%-16s %-6s %4d s' "$target" "$verdict" $((SECONDS - started)))")
done

echo "=== summary"
printf '%s\n' "${summary[@]}"
node_modules/.bin/node scripts/test-summary.ts "$@" || failed=1
exit $failed
