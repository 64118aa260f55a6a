#!/usr/bin/env bash
# What a newcomer has to read stays small (docs/decisions/0001-structure.md).
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

report() { # name, count, limit
  printf '%-52s %5d of %5d\n' "$1" "$2" "$3"
  [ "$2" -le "$3" ] || failed=1
}

lines=$(git ls-files --cached --others --exclude-standard -- cmd internal api/proto configs |
  grep -vE '\.(test|contract|fixture)\.ts$|/generated/|/migrations/' | xargs cat | wc -l)
report "lines in cmd, internal, api/proto and configs" "$lines" 2500
report "everyday targets (make help)" "$(make help | grep -c '^  ')" 20
report "entries in the root, dot-files aside" "$(git ls-files --cached --others --exclude-standard | cut -d/ -f1 | grep -v '^\.' | sort -u | wc -l)" 25

exit $failed
