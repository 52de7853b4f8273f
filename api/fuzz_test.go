package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql/parser"

	"invoq"
	"invoq/internal/fuzzing"
	"invoq/tsdb"
)

// refusedAs are the kinds of what is the sender's fault.
var refusedAs = map[invoq.Kind]bool{
	"": true, invoq.KindInvalid: true, invoq.KindUnprocessable: true, invoq.KindTooLarge: true,
}

// FuzzRequest: a parameter or a body is refused as the sender's fault, or means
// the same once it is written again. One fuzz test has all kinds of them, since
// the engine is slow with as much code as this package needs; for the same
// reason each seed is of the kind that it was made for.
func FuzzRequest(f *testing.F) {
	readers := []func(text string) (again string, err error){
		readTime, readDuration, readPeriod, readCursor, readTree, readKeys, readQuery,
	}
	for kind, seeds := range requestSeeds(f) {
		for _, text := range seeds {
			f.Add(byte(kind), text)
		}
	}
	// As the parser's stack needs it, and a node of a tree as JSON; a key of an
	// object takes a map, and bodies of remote read a little more than themselves.
	perByte := []int{16, 16, 16, 16, 4096, 32, 16}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		kind %= byte(len(readers))
		read, bounds := readers[kind], fuzzing.Default()
		bounds.PerByte = perByte[kind]
		var first string
		var err error
		size := len(text)
		if kind == byte(len(readers))-1 {
			size += unpackedBytes(text)
		}
		bounds.Hold(t, size, func() { first, err = read(text) })
		if !refusedAs[invoq.KindOf(err)] {
			t.Fatalf("%q: kind of %v", text, err)
		}
		if err != nil || first == "" {
			return
		}
		if again, err := read(first); err != nil || again != first {
			t.Fatalf("%q means %q, and that %q: %v", text, first, again, err)
		}
	})
}

// requestSeeds are what is well of each kind, and what is made to break things.
func requestSeeds(f *testing.F) [][]string {
	f.Helper()
	query, err := (&prompb.ReadRequest{Queries: []*prompb.Query{{
		StartTimestampMs: 1, EndTimestampMs: 2, Matchers: []*prompb.LabelMatcher{{Name: "a", Value: "b"}},
	}}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	many := strings.Repeat
	packed := func(body string) string { return string(snappy.Encode(nil, []byte(body))) }
	return [][]string{
		{"1767225600.123", "1e308", "NaN", "2026-03-01T00:00:00.999999999+14:00", "tomorrow", many("9", 1000)},
		{"0", "1y2w3d4h5m6s7ms", "300y", "1d1d", "-5m", "9223372036854775807ms", "+Inf"},
		{"2026-03-01/2026-04-01", "2026-03-29T02:30:00+01:00/9999-12-31", "0000-01-01/2026-02-30", "2026-03-01/2026-03-01"},
		{"", "AAAA", "YWNtZQ", "_w", "!!", many("A", 10_000)},
		{"m[5m+1s] offset (1h*2)", "a + on (x) group_left (y) b @ end()", "sum by (a) (rate(m{b=~\"c\"}[5m:1s]))",
			many("1+", 4_000) + "1", many("-", 2_000) + "1"},
		{`{"a":{"b":[1,"x",null,1e400]}}`, `{"qty":1,"qty":9}`, `{"a":"\u0000"}`, `{"a":"\ud800"}`, `{"a":1}{"b":2}`, `{"a":`,
			many("[", 10_000), many(`{"a":`, 10_000), "[" + many("{},", 20_000) + "1]", "[" + many(`{"a":1},`, 20_000) + "1]"},
		{packed(string(query)), packed(string(query))[:5], packed(many("\x0a\x00", 17)), packed(many("\x0a\x00", readRequestBytes/2)),
			packed(many("\x0a\x00", readRequestBytes)), "\xff\xff\xff\xff\x0f"},
	}
}

// unpackedBytes returns how long a body of remote read is once it is unpacked, 0
// where it is not.
func unpackedBytes(text string) int {
	n, err := snappy.DecodedLen([]byte(text))
	if err != nil || n > readRequestBytes {
		return 0
	}
	return n
}

func readTime(text string) (string, error) {
	at, err := promTime(url.Values{"t": {text}}, "t", time.Time{})
	if at.Year() < 0 || at.Year() > 9999 {
		return "", err // RFC 3339 has no such years.
	}
	return at.Format(time.RFC3339Nano), err
}

func readDuration(text string) (string, error) {
	d, err := promDuration(url.Values{"d": {text}}, "d")
	if err != nil || d%time.Millisecond != 0 || d < 0 {
		return "", err
	}
	ms, err := json.Marshal(d.Milliseconds())
	return string(ms) + "ms", err
}

func readPeriod(text string) (string, error) {
	start, end, _ := strings.Cut(text, "/")
	i, err := periodOf(invoq.Tenant{Name: "acme", Timezone: "Europe/Berlin"}, start, end)
	if err != nil || i.End.Year() > 9999 || i.Start.Year() < 0 {
		return "", err
	}
	return i.Start.Format(time.RFC3339) + "/" + i.End.Format(time.RFC3339), nil
}

func readCursor(text string) (string, error) {
	p, err := pageOf(nil, &text)
	if err != nil {
		return "", err
	}
	p.Limit = 1
	return next([]string{p.After}, p, func(s string) string { return s }), nil
}

func readTree(text string) (string, error) {
	if len(text) > tsdb.DefaultQueryLimits().Bytes {
		return "", nil
	}
	e, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return "", nil // What is refused is for tsdb to say.
	}
	_, err = json.Marshal(treeOf(e))
	return "", err
}

func readKeys(text string) (string, error) {
	err := uniqueKeys([]byte(text))
	if err == nil && !json.Valid([]byte(text)) {
		return "", fmt.Errorf("%q is no JSON", text)
	}
	return "", err
}

func readQuery(text string) (string, error) {
	req, err := readRequest([]byte(text))
	if err != nil {
		return "", err
	}
	b, err := req.Marshal()
	return string(snappy.Encode(nil, b)), err
}
