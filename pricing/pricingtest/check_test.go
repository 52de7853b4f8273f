package pricingtest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const script = `# A comment.
plan pro USD
  requests  first 1e6 free  then 0.20 per 1e6   # another
load 5m from 2026-01-01
  requests{tenant="acme"}  0+5000x400
price acme 2026-01
  requests  2000000   0.20 USD
`

// TestCheckNamesTheLine: each line put behind a good script fails at that
// line, with these words.
func TestCheckNamesTheLine(t *testing.T) {
	good := strings.Count(script, "\n")
	f := func(more string, number int, want string) {
		t.Helper()
		report := Check("a.test", []byte(script+more))
		if len(report.Failures) != 1 {
			t.Fatalf("%q: %d failures, want 1: %v", more, len(report.Failures), report.Failures)
		}
		got := report.Failures[0]
		if got.Line != good+number || got.File != "a.test" || !strings.Contains(got.Message, want) {
			t.Errorf("%q: got %v, want line %d: %s", more, got, good+number, want)
		}
	}
	f("prize acme 2026-01\n", 1, `"prize" is no command`)
	f("clear all\n", 1, "clear stands alone")
	f("price acme 2026-01\n", 1, "a line is missing: requests 2000000 0.20 USD")
	f("price acme 2026-01\n  requests 2000000 0.30 USD\n", 2, `the price is "requests 2000000 0.20 USD"`)
	f("price acme 2026-01\n  requests 2000000 0.20 USD\n  more\n", 3, "no such line")
	f("price acme 2026-13\n", 1, "month 13 out of range")
	f("price acme 26-01\n", 1, `period "26-01" is not`)
	f("price acme 2026-02-30\n", 1, `period "2026-02-30" is not`)
	f("price acme 2026-01-01..x\n", 1, `time "x" is not`)
	f("price acme x..2026-01\n", 1, `time "x" is not`)
	f("price acme 2026-01-02..2026-01-01\n", 1, "is empty")
	f("price acme 2026-01 in Mars\n", 1, `time zone "Mars"`)
	f("price acme 2026-01 with gold\n", 1, `no plan "gold"`)
	f("price acme 2026-01 or so\n", 1, `"or so" is not expected`)
	f("price\n", 1, "ends too soon")
	f("price nobody 2026-01\n", 1, `tenant "nobody" has no usage`)
	f("price acme 2026-01\n  expect fail\n", 2, "it does not fail")
	f("price acme 2026-13\n  expect fail msg: day\n", 2, "another message: month 13")
	f("price acme 2026-13\n  expect luck\n", 2, "expect fail")
	f("price acme 2026-13\n  expect fail\n  expect fail\n", 3, "expect fail")
	f("price acme 2026-13\n  expect fail\n  requests 1 1 USD\n", 3, "has no results")
	f("plan pro\n", 1, "plan takes a name and a currency")
	f("plan b USX\n  requests 1\n", 1, `currency "USX"`)
	f("plan b USD\n  requests 1 per\n", 2, "ends too soon")
	f("plan b USD\n  requests 1 to 2\n", 2, `"to 2" is not expected`)
	f("plan b USD\n  requests one\n", 2, `"one" is not a decimal`)
	f("plan b USD\n  requests{a=b} 1\n", 2, "labels of")
	f("plan b USD\n  requests{a=\"b\",a=\"c\"} 1\n", 2, `label "a" of "requests" stands twice`)
	f("plan b USD\n  requests first 3 gratis 1\n", 2, `"free" is expected, not "gratis"`)
	f("plan b USD\n  minimum 3\n  requests 1\n  request 2\n", 4, `"request" is not one of`)
	f("plan b USD\n  requests 1 per 3\n", 2, "is not exact")
	f("load 5m from 2026-01-01\n  request 1 2\n", 2, `"request" is no meter`)
	f("load 0m from 2026-01-01\n", 1, `step "0m"`)
	f("load 5m to 2026-01-01\n", 1, `"from" is expected`)
	f("load 5m from 2026-01-01 in Mars\n", 1, `time zone "Mars"`)
	f("load 5m from January\n", 1, `time "January"`)
	f("load 5m from 2026-01-01\n  requests\n", 2, "no values")
	f("load 5m from 2026-01-01\n  requests 5 4\n", 2, "falls from 5 to 4")
	f("load 5m from 2026-01-01\n  requests 5xx\n", 2, "how often to repeat")
	f("load 5m from 2026-01-01\n  requests 5x1000000\n", 2, "at most 100000 values")
	f("load 5m from 2026-01-01\n  requests 0x60000 0x60000\n", 2, "at most 100000 values")
	f("load 5m from 2026-01-01\n  requests 5+x3\n", 2, `"" is not a decimal`)
}

func TestCheckIndentedFirstLine(t *testing.T) {
	report := Check("a.test", []byte("  requests 1\n"))
	if len(report.Failures) != 1 || report.Failures[0].Line != 1 {
		t.Errorf("failures %v, want one at line 1", report.Failures)
	}
}

// TestUpdate: results are written anew, all else stays as it was.
func TestUpdate(t *testing.T) {
	wrong := strings.Replace(script, "  requests  2000000   0.20 USD\n", "  # why\n  nonsense\n", 1) + "# end\n"
	report := Check("a.test", []byte(wrong))
	if len(report.Failures) != 1 {
		t.Errorf("failures %v, want one", report.Failures)
	}
	want := strings.Replace(script, "  requests  2000000   0.20 USD\n", "  # why\n  requests  2000000  0.20 USD\n", 1) + "# end\n"
	if diff := cmp.Diff(want, string(report.Updated)); diff != "" {
		t.Errorf("updated script (-want +got):\n%s", diff)
	}
	if again := Check("a.test", report.Updated); len(again.Failures) > 0 {
		t.Errorf("the updated script fails: %v", again.Failures)
	}
}

// TestSeriesNotation: values as PromQL's tests write them.
func TestSeriesNotation(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		samples, err := seriesValues(strings.Fields(in))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range samples {
			if s.absent {
				got = append(got, "_")
				continue
			}
			got = append(got, s.value.String())
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
	f("1 2 3", "1 2 3")
	f("7x2", "7 7 7")
	f("0+5x3", "0 5 10 15")
	f("20-5x2", "20 15 10")
	f("_ 1 _x1 2", "_ 1 _ _ 2")
	f("1e-3+1e3x1", "0.001 1000.001")
	f("-3", "-3")
	f("2*1024+1x1", "2048 2049")
}

// FuzzCheck: no script makes the runner panic, and a script it has rewritten
// runs without a difference. What a run costs is the script's own choice: a line
// of "0x2000" is two thousand values to price.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(script))
	f.Add([]byte("plan p JPY\n  requests{service=\"a\"} as x 1 per 2\nprice a 2026-02-01..2026-02-02T10:00 in Asia/Tokyo\n"))
	f.Add([]byte("load 1d each from 2026-01-01 in Europe/Berlin\n  mb_ms{tag=\"v\"} 1 _ 2-1x3\nclear\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		report := Check("fuzz", src)
		if report.Updated == nil {
			return
		}
		if again := Check("fuzz", report.Updated); len(again.Failures) > 0 && len(report.Failures) == 0 {
			t.Errorf("rewritten, it fails: %v\n%s", again.Failures, report.Updated)
		}
	})
}
