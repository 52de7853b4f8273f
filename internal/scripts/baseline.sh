#!/bin/sh
# Runs the benchmarks of each package that has some, COUNT times, and keeps what
# they print as its testdata/bench.txt: `baseline.sh ./tsdb ./pricing`.
#
# Figures of two machines cannot be compared: a change is measured by running
# the old code and the new in one go, and the file says what to expect.
set -eu

go list -f '{{.Dir}}' "$@" | while read -r dir; do
	grep -qs '^func Benchmark' "$dir"/*_test.go || continue
	mkdir -p "$dir/testdata"
	printf 'baseline: %s\n' "$dir"
	(cd "$dir" && go test -run '^$' -bench . -benchmem -count "${COUNT:-10}" -timeout 2h .) >"$dir/testdata/bench.new"
	grep -E '^(goos|goarch|pkg|cpu|Benchmark)' "$dir/testdata/bench.new" >"$dir/testdata/bench.txt"
	rm "$dir/testdata/bench.new"
done
