package ingest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"invoq/internal/fuzzing"
)

// show returns a batch in a form that is easy to compare.
func show(t testing.TB, b *Batch) []string {
	t.Helper()
	var lines []string
	for _, s := range b.Series {
		var line strings.Builder
		line.WriteString(b.Describe(&s))
		for _, sample := range b.Samples[s.First:s.End] {
			line.WriteString(" ")
			line.WriteString(formatSample(sample))
		}
		for _, h := range b.Histograms[s.FirstHistogram:s.EndHistogram] {
			fmt.Fprintf(&line, " h%g@%d", h.Sum(), h.T)
		}
		for _, e := range b.Exemplars[s.FirstExemplar:s.EndExemplar] {
			fmt.Fprintf(&line, " # %s %g@%d", describe(e.Labels), e.V, e.T)
		}
		if s.Described > 0 {
			m := b.Descriptions[s.Described-1]
			fmt.Fprintf(&line, " %s|%s|%s", m.Type, m.Help, m.Unit)
		}
		lines = append(lines, line.String())
	}
	for _, m := range b.Metadata {
		lines = append(lines, "# "+strings.Join([]string{m.Family, m.Type, m.Help, m.Unit}, "|"))
	}
	return lines
}

// request is what Prometheus's own library makes of series.
func request(t testing.TB, r prompb.WriteRequest) []byte {
	t.Helper()
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// promRequest is a request with one sample of the series.
func promRequest(ls labels.Labels) prompb.WriteRequest {
	return prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels: prompb.FromLabels(ls, nil), Samples: []prompb.Sample{{Timestamp: 1}},
	}}}
}

func TestDecodeV1ReadsWhatPrometheusWrites(t *testing.T) {
	body := request(t, prompb.WriteRequest{
		Timeseries: []prompb.TimeSeries{
			{
				Labels:  []prompb.Label{{Name: "__name__", Value: "up"}, {Name: "empty"}},
				Samples: []prompb.Sample{{Timestamp: 1, Value: 1.5}, {Timestamp: -2}, {Value: math.Inf(1)}},
				Exemplars: []prompb.Exemplar{{
					Labels: []prompb.Label{{Name: "trace_id", Value: "x"}}, Value: 1, Timestamp: 2,
				}},
			},
			{Labels: []prompb.Label{{Name: "__name__", Value: "h"}}, Histograms: []prompb.Histogram{{Sum: 3}}},
			{},
		},
		Metadata: []prompb.MetricMetadata{
			{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "up", Help: "Is it up.", Unit: "bool"},
			{Type: 99, MetricFamilyName: "odd"},
			{Help: "of nothing"},
		},
	})
	var b Batch
	if err := decodeV1(body, DefaultLimits(), &b); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"__name__": "up", "empty": ""} 1.5@1 0@-2 +Inf@0 # {"trace_id": "x"} 1@2`,
		`{"__name__": "h"} h3@0`,
		`{}`,
		"# up|counter|Is it up.|bool",
		"# odd|unknown||",
	}
	if diff := cmp.Diff(want, show(t, &b)); diff != "" {
		t.Error("decoded (-want +got):\n" + diff)
	}
}

// Fields may come in any order and unknown ones in between; senders write none
// of that, but the format allows it.
func TestDecodeV1ReadsOddRequests(t *testing.T) {
	label := func(name, value string) []byte {
		b, err := (&prompb.Label{Name: name, Value: value}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{1<<3 | wireBytes, byte(len(b))}, b...)
	}
	sample := []byte{2<<3 | wireBytes, 2, 2<<3 | wireVarint, 7}
	unknown := []byte{15<<3 | wireBytes, 1, 'x', 14<<3 | wireI32, 1, 2, 3, 4, 13<<3 | wireI64, 1, 2, 3, 4, 5, 6, 7, 8}
	series := bytes.Join([][]byte{sample, label("__name__", "up"), unknown, label("a", "b"), sample}, nil)
	body := append([]byte{9<<3 | wireVarint, 1, 1<<3 | wireBytes, byte(len(series))}, series...)
	var b Batch
	if err := decodeV1(body, DefaultLimits(), &b); err != nil {
		t.Fatal(err)
	}
	want := []string{`{"__name__": "up", "a": "b"} 0@7 0@7`}
	if diff := cmp.Diff(want, show(t, &b)); diff != "" {
		t.Error("decoded (-want +got):\n" + diff)
	}
}

// One series with too many labels takes none of the others with it.
func TestDecodeV1DropsSeriesWithTooManyLabels(t *testing.T) {
	labelled := func(n int) prompb.TimeSeries {
		s := prompb.TimeSeries{Samples: []prompb.Sample{{Timestamp: 1}, {Timestamp: 2}}}
		for i := range n {
			s.Labels = append(s.Labels, prompb.Label{Name: fmt.Sprint("l", i), Value: "x"})
		}
		return s
	}
	most := DefaultLimits().Labels
	var b Batch
	err := decodeV1(request(t, prompb.WriteRequest{
		Timeseries: []prompb.TimeSeries{labelled(1), labelled(most + 1), labelled(most)},
	}), DefaultLimits(), &b)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Series) != 2 || len(b.Samples) != 4 || b.Skipped.Count(TooManyLabels) != 2 || b.Skipped.Total() != 2 {
		t.Errorf("%d series, %d samples, skipped %v", len(b.Series), len(b.Samples), b.Skipped)
	}
}

func TestDecodeV1RefusesWhatIsMalformed(t *testing.T) {
	whole := request(t, prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "up"}},
		Samples: []prompb.Sample{{Timestamp: 1, Value: 1.5}},
	}}})
	for cut := 1; cut < len(whole); cut++ {
		if err := decodeV1(whole[:cut], DefaultLimits(), new(Batch)); err == nil {
			t.Errorf("%d of %d bytes were taken for a request", cut, len(whole))
		}
	}
	f := func(name string, body ...byte) {
		t.Helper()
		if err := decodeV1(body, DefaultLimits(), new(Batch)); err == nil {
			t.Errorf("%s was taken for a request", name)
		}
	}
	f("a length beyond the end", 0x0a, 0xff, 0x01)
	f("a length beyond 2^63", 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
	f("a varint without an end", 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
	f("a group", 0x0b)
	f("a fixed number cut short", 0x09, 1, 2)
}

func TestParseLabels(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		var raw []byte
		for i := 0; i < len(pairs); i += 2 {
			b, err := (&prompb.Label{Name: pairs[i], Value: pairs[i+1]}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			raw = append(appendLength(append(raw, 1<<3|wireBytes), len(b)), b...)
		}
		b := labels.NewScratchBuilder(8)
		ls, err := ParseLabels(raw, DefaultLimits(), &b)
		got := ls.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q\n got %s\nwant %s", pairs, got, want)
		}
	}
	long := strings.Repeat("x", 2049)
	f(`{__name__="up", a="1", b="2"}`, "b", "2", "__name__", "up", "a", "1")
	f(`{__name__="up"}`, "__name__", "up", "empty", "")
	f(`{__name__="up", "söme name"="✓"}`, "__name__", "up", "söme name", "✓")
	f(`series without __name__: {"a": "1"}`, "a", "1")
	f(`series without __name__: {"__name__": ""}`, "__name__", "")
	f(`series without __name__: {}`)
	f(`series that name a label twice: "a"`, "__name__", "up", "a", "1", "a", "2")
	f(`series with a label that is empty or not UTF-8: label without a name`, "__name__", "up", "", "x")
	f(`series with a label that is empty or not UTF-8: label "a" is not UTF-8`, "__name__", "up", "a", "\xff")
	f(`series with a label that is too long: value of label "a" has 2049 bytes, at most 2048`,
		"__name__", "up", "a", long)
	f(`series with a label that is too long: label name of 2049 bytes, at most 1024`, "__name__", "up", long, "x")
}

func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// batchBounds are those of a decoder into a batch that is new. A series of two
// bytes takes 72 of memory, and as many again for each time that the slice grew
// by a quarter. Limits of number end that at some megabytes; a batch that has
// held so much is kept, and the next requests need none.
func batchBounds() fuzzing.Bounds {
	bounds := fuzzing.Default()
	bounds.PerByte = 192
	return bounds
}

// FuzzDecodeV1 holds the decoder against Prometheus's own: whatever that one
// reads, ours reads alike or refuses for its size.
func FuzzDecodeV1(f *testing.F) {
	f.Add(request(f, prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "up"}, {Name: "a", Value: "b"}},
		Samples: []prompb.Sample{{Timestamp: 1, Value: 1.5}, {Timestamp: 2, Value: math.NaN()}},
	}}, Metadata: []prompb.MetricMetadata{{MetricFamilyName: "up", Help: "x"}}}))
	f.Add(request(f, prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:     []prompb.Label{{Name: "__name__", Value: "h"}},
		Histograms: []prompb.Histogram{prompb.FromIntHistogram(1, anInt), prompb.FromFloatHistogram(2, aFloat)},
		Exemplars:  []prompb.Exemplar{{Labels: []prompb.Label{{Name: "a", Value: "b"}}, Value: 1, Timestamp: 2}},
	}}}))
	f.Add([]byte{0x0a, 0x00, 0x0a, 0x00})
	f.Add([]byte{0x0a, 0x04, 0x12, 0x02, 0x10, 0x07})
	for _, many := range []string{"\x0a\x00", "\x1a\x00"} {
		f.Add(bytes.Repeat([]byte(many), 19_000))
	}
	for _, field := range []byte{labelsV1, samplesV1, exemplarsV1, histogramsV1} {
		f.Add(message(nil, 1, bytes.Repeat([]byte{field<<3 | wireBytes, 0}, 19_000)))
	}
	f.Add(splitV1(2, []byte{15<<3 | wireVarint, 0}, true))
	f.Fuzz(func(t *testing.T, body []byte) {
		var theirs prompb.WriteRequest
		theirErr := theirs.Unmarshal(body)
		var ours Batch
		var ourErr error
		batchBounds().Hold(t, len(body), func() {
			ours = Batch{}
			ourErr = decodeV1(body, DefaultLimits(), &ours)
		})
		builder := labels.NewScratchBuilder(8)
		for _, s := range ours.Series {
			// Whatever it holds, it is read without a panic.
			_, _ = ParseLabels(s.Labels, DefaultLimits(), &builder)
			_ = describe(s.Labels)
		}
		if theirErr != nil || ourErr != nil {
			return
		}
		readable := slices.DeleteFunc(theirs.Timeseries, func(s prompb.TimeSeries) bool {
			return len(s.Labels) > DefaultLimits().Labels // Refused alone.
		})
		if len(ours.Series) != len(readable) {
			t.Fatalf("%d series, Prometheus reads %d", len(ours.Series), len(readable))
		}
		for i, s := range ours.Series {
			want := readable[i]
			got := ours.Samples[s.First:s.End]
			if len(got) != len(want.Samples) {
				t.Fatalf("series %d has %d samples, Prometheus reads %d", i, len(got), len(want.Samples))
			}
			for j := range got {
				if got[j].T != want.Samples[j].Timestamp ||
					math.Float64bits(got[j].V) != math.Float64bits(want.Samples[j].Value) {
					t.Fatalf("sample %v, Prometheus reads %v", got[j], want.Samples[j])
				}
			}
			hs := ours.Histograms[s.FirstHistogram:s.EndHistogram]
			if len(hs) != len(want.Histograms) || int(s.EndExemplar-s.FirstExemplar) != len(want.Exemplars) {
				t.Fatalf("series %d: %d histograms, Prometheus reads %d", i, len(hs), len(want.Histograms))
			}
			for j := range hs {
				h := want.Histograms[j]
				sameHistogram(t, hs[j], h.Timestamp, 0, h.IsFloatHistogram(), h.ToIntHistogram, h.ToFloatHistogram)
			}
			for j, e := range ours.Exemplars[s.FirstExemplar:s.EndExemplar] {
				w := want.Exemplars[j]
				if e.T != w.Timestamp || math.Float64bits(e.V) != math.Float64bits(w.Value) {
					t.Fatalf("exemplar %v, Prometheus reads %v", e, w)
				}
			}
		}
	})
}
