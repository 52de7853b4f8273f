#!/bin/sh
# Runs every fuzz test of the repository, one after the other, each for as long
# as FUZZTIME says. A crash ends the run; its input stays in testdata/fuzz.
set -eu

fuzztime=${FUZZTIME:-30s}
found=0
for file in $(git ls-files --cached --others --exclude-standard '*_test.go'); do
	# shellcheck disable=SC2013 # names have no spaces
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		found=$((found + 1))
		echo "fuzz: $name of ./$(dirname "$file") for $fuzztime"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" "./$(dirname "$file")"
	done
done
echo "fuzz: $found fuzz tests ran"
