package main

import (
	"net/url"
	"testing"
)

func TestParseWork(t *testing.T) {
	f := func(query string, want work, wantErr string) {
		t.Helper()
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseWork(values)
		gotErr := ""
		if err != nil {
			gotErr = err.Error()
		}
		if got != want || gotErr != wantErr {
			t.Errorf("parseWork(%q) = %+v, %q, want %+v, %q", query, got, gotErr, want, wantErr)
		}
	}
	f("", work{}, "")
	f("sleep_ms=200&mem_mb=64&cpu_spin_ms=30", work{SleepMs: 200, MemMB: 64, CPUSpinMs: 30}, "")
	f("sleep_ms=60000&mem_mb=512&cpu_spin_ms=10000",
		work{SleepMs: 60000, MemMB: 512, CPUSpinMs: 10000}, "")
	f("sleep_ms=60001", work{}, `sleep_ms: "60001" is not a whole number from 0 to 60000`)
	f("mem_mb=513", work{}, `mem_mb: "513" is not a whole number from 0 to 512`)
	f("cpu_spin_ms=10001", work{}, `cpu_spin_ms: "10001" is not a whole number from 0 to 10000`)
	f("sleep_ms=-1", work{}, `sleep_ms: "-1" is not a whole number from 0 to 60000`)
	f("sleep_ms=1.5", work{}, `sleep_ms: "1.5" is not a whole number from 0 to 60000`)
	f("sleep_ms=", work{}, `sleep_ms: "" is not a whole number from 0 to 60000`)
	f("sleep_ms=99999999999999999999", work{},
		`sleep_ms: "99999999999999999999" is not a whole number from 0 to 60000`)
	f("sleep_ms=1&sleep_ms=2", work{}, "sleep_ms: given 2 times")
}
