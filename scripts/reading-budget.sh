#!/usr/bin/env bash
# What a newcomer has to read stays small (docs/decisions/0001-structure.md): the shared kits and any one service.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

report() { # name, count, limit
  printf '%-60s %5d of %5d\n' "$1" "$2" "$3"
  [ "$2" -le "$3" ] || failed=1
}

lines() { # files without tests, generated code and migrations
  git ls-files --cached --others --exclude-standard -- "$@" |
    grep -vE '\.(test|contract|fixture)\.ts$|/generated/|/migrations/' | xargs -r cat | wc -l
}

for folder in cmd/*/; do
  service=$(basename "$folder")
  report "lines in internal/pkg and in $service" \
    "$(lines internal/pkg "cmd/$service" "internal/app/$service" "configs/$service" "api/proto/${service%-service}")" 2500
done
report "everyday targets (make help)" "$(make help | grep -c '^  ')" 20
report "entries in the root, dot-files aside" \
  "$(git ls-files --cached --others --exclude-standard | cut -d/ -f1 | grep -v '^\.' | sort -u | wc -l)" 25

exit $failed
