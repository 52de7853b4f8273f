#!/bin/sh
# Runs every fuzz test of the repository, or of the folders that it is given,
# for as long as FUZZTIME says, FUZZJOBS of them at a time on a processor each. Output is shown where one fails; the
# input that did it stays in testdata/fuzz.
set -eu

export FUZZTIME="${FUZZTIME:-30s}"
jobs=${FUZZJOBS:-2}

# Go's engine now and then takes the end of -fuzztime for a failure of the test
# that it interrupts. It then says this much and nothing else, and writes no
# input; whatever else there is to read is a failure.
out_of_time() {
	! grep -q 'Failing input written to\|panic:\|fatal error:\|DATA RACE' "$1" &&
		grep -q '^    context deadline exceeded$' "$1" &&
		! sed '/^fuzz: elapsed: /d; /^--- FAIL: Fuzz/d; /^    context deadline exceeded$/d
			/^FAIL/d; /^exit status 1$/d; /^$/d' "$1" | grep -q .
}

if [ "${1:-}" = one ]; then
	dir=$2 name=$3
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	if go test -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" -parallel 1 "./$dir" >"$log" 2>&1 ||
		out_of_time "$log"; then
		echo "fuzz: $name of ./$dir: $(sed -n 's/.*\(execs: [0-9]*\).*/\1/p' "$log" | tail -n 1)"
		exit 0
	fi
	cat "$log"
	exit 1
fi
[ $# -gt 0 ] || set -- .
git ls-files --cached --others --exclude-standard -- "$@" | grep '_test\.go$' | while read -r file; do
	sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|$(dirname "$file") \1|p" "$file"
done | xargs -P "$jobs" -n 2 "$0" one
