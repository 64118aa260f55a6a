# Prints a Makefile's targets: "target: ## text" are the everyday ones, "target: # text" the others (-v all=1).
/^##@ / { section = substr($0, 5) }
match($0, /^[a-z][a-z0-9 -]*: ?.*##? /) {
  everyday = $0 ~ / ## /
  if (!everyday && !all) next
  text = $0; sub(/^[^#]*##? /, "", text)
  names = $0; sub(/:.*/, "", names)
  if (section != "") { printf "\n%s\n", section; section = "" }
  count = split(names, name, " ")
  for (i = 1; i <= count; i++) printf "  %-18s %s\n", name[i], text
}
