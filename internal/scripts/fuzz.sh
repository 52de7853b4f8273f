#!/bin/sh
# Runs every fuzz test of the repository for as long as FUZZTIME says, FUZZJOBS
# of them at a time on a processor each. Output is shown where one fails; the
# input that did it stays in testdata/fuzz.
set -eu

export FUZZTIME="${FUZZTIME:-30s}"
jobs=${FUZZJOBS:-2}
if [ "${1:-}" = one ]; then
	dir=$2 name=$3
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	if go test -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" -parallel 1 "./$dir" >"$log" 2>&1; then
		echo "fuzz: $name of ./$dir: $(sed -n 's/.*\(execs: [0-9]*\).*/\1/p' "$log" | tail -n 1)"
		exit 0
	fi
	cat "$log"
	exit 1
fi
git ls-files --cached --others --exclude-standard '*_test.go' | while read -r file; do
	sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|$(dirname "$file") \1|p" "$file"
done | xargs -P "$jobs" -n 2 "$0" one
