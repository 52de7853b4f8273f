package ingest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// One histogram of each kind.
var (
	anInt = &histogram.Histogram{
		Schema: 3, Count: 11, Sum: -4.5, ZeroThreshold: 1e-9, ZeroCount: 1,
		PositiveSpans: []histogram.Span{{Offset: -3, Length: 2}, {Offset: 1, Length: 1}}, PositiveBuckets: []int64{2, 1, -1},
		NegativeSpans: []histogram.Span{{Offset: 2, Length: 1}}, NegativeBuckets: []int64{3},
	}
	aFloat = &histogram.FloatHistogram{
		CounterResetHint: histogram.GaugeType, Schema: histogram.CustomBucketsSchema, Count: 4.5, Sum: 9,
		PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []float64{1.5, 3}, CustomValues: []float64{0.1, 1},
	}
)

// requestV2 is what Prometheus's own library makes of a request of 2.0.
func requestV2(t testing.TB, r writev2.Request) []byte {
	t.Helper()
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// full is a request with all that 2.0 has.
func full() writev2.Request {
	return writev2.Request{
		Symbols: []string{"", "__name__", "up_total", "job", "x", "Is it up.", "bools", "trace_id", "t1", "lat"},
		Timeseries: []writev2.TimeSeries{
			{
				LabelsRefs: []uint32{1, 2, 3, 4},
				Samples:    []writev2.Sample{{Timestamp: 5, Value: 1.5, StartTimestamp: 3}, {Timestamp: -2}},
				Exemplars:  []writev2.Exemplar{{LabelsRefs: []uint32{7, 8}, Value: 2, Timestamp: 4}, {Timestamp: 9}},
				Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: 5, UnitRef: 6},
			},
			{
				LabelsRefs: []uint32{1, 9, 3, 0},
				Histograms: []writev2.Histogram{
					writev2.FromIntHistogram(1, 7, anInt), writev2.FromFloatHistogram(0, 8, aFloat),
				},
			},
			{},
		},
	}
}

func TestDecodeV2ReadsWhatPrometheusWrites(t *testing.T) {
	var b Batch
	if err := decodeV2(requestV2(t, full()), DefaultLimits(), 1<<20, &b); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"__name__": "up_total", "job": "x"} 1.5@5 0@-2 # {"trace_id": "t1"} 2@4 # {} 0@9 counter|Is it up.|bools`,
		`{"__name__": "lat", "job": ""} h-4.5@7 h9@8`,
		`{}`,
	}
	if diff := cmp.Diff(want, show(t, &b)); diff != "" {
		t.Error("decoded (-want +got):\n" + diff)
	}
	if b.Samples[0].Start != 3 || b.Histograms[0].Start != 1 {
		t.Errorf("starts %d and %d", b.Samples[0].Start, b.Histograms[0].Start)
	}
	if diff := cmp.Diff(anInt, b.Histograms[0].Int); diff != "" {
		t.Error("histogram of integers (-want +got):\n" + diff)
	}
	if diff := cmp.Diff(aFloat, b.Histograms[1].Float); diff != "" {
		t.Error("histogram of floats (-want +got):\n" + diff)
	}
}

// A series is known by the same bytes whichever protocol brings it.
func TestDecodeV2SpellsLabelsAsV1Has(t *testing.T) {
	var v1, v2 Batch
	if err := decodeV2(requestV2(t, full()), DefaultLimits(), 1<<20, &v2); err != nil {
		t.Fatal(err)
	}
	ls := labels.FromStrings("__name__", "up_total", "job", "x")
	if err := decodeV1(request(t, promRequest(ls)), DefaultLimits(), &v1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v1.Series[0].Labels, v2.Spell(&v2.Series[0])); diff != "" {
		t.Error("labels (-1.0 +2.0):\n" + diff)
	}
}

// TestDecodeV2CopiesOnlyTheLabelsThatAreTheSame repeats few symbols in many
// places, as names and as values of several names, until the buffer for spelled
// labels has moved.
func TestDecodeV2CopiesOnlyTheLabelsThatAreTheSame(t *testing.T) {
	var req writev2.Request
	for i := range 7 {
		req.Symbols = append(req.Symbols, strings.Repeat("s", 37*i))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		s := writev2.TimeSeries{Samples: []writev2.Sample{{Timestamp: 1}}}
		for range 2 * rng.IntN(4) {
			s.LabelsRefs = append(s.LabelsRefs, uint32(rng.IntN(len(req.Symbols))))
		}
		s.LabelsRefs = s.LabelsRefs[:len(s.LabelsRefs)&^1]
		req.Timeseries = append(req.Timeseries, s)
	}
	var b Batch
	if err := decodeV2(requestV2(t, req), DefaultLimits(), 16<<20, &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Series) != len(req.Timeseries) {
		t.Fatalf("%d series, want %d", len(b.Series), len(req.Timeseries))
	}
	for i, s := range req.Timeseries {
		var want []byte
		for j := 0; j < len(s.LabelsRefs); j += 2 {
			l := prompb.Label{Name: req.Symbols[s.LabelsRefs[j]], Value: req.Symbols[s.LabelsRefs[j+1]]}
			field, err := l.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			want = append(appendLength(append(want, 1<<3|wireBytes), len(field)), field...)
		}
		if got := b.Spell(&b.Series[i]); !bytes.Equal(got, want) {
			t.Fatalf("labels %v are spelled %q, want %q", s.LabelsRefs, got, want)
		}
	}
}

func TestDecodeV2DropsWhatItCannotRead(t *testing.T) {
	good := writev2.TimeSeries{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 1}}}
	f := func(name string, want Reason, n int, bad writev2.TimeSeries) {
		t.Helper()
		body := requestV2(t, writev2.Request{
			Symbols: []string{"", "__name__", "up"}, Timeseries: []writev2.TimeSeries{bad, good},
		})
		var b Batch
		if err := decodeV2(body, DefaultLimits(), 1<<20, &b); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		last := len(b.Series) - 1
		if b.Skipped.Count(want) != n || b.Skipped.Total() != n || b.Describe(&b.Series[last]) != `{"__name__": "up"}` ||
			b.Series[last].End-b.Series[last].First != 1 {
			t.Errorf("%s: skipped %v, kept %v", name, b.Skipped, show(t, &b))
		}
	}
	samples := []writev2.Sample{{Timestamp: 1}, {Timestamp: 2}}
	f("a name beyond the table", InvalidLabel, 2, writev2.TimeSeries{LabelsRefs: []uint32{3, 2}, Samples: samples})
	f("a value beyond the table", InvalidLabel, 2, writev2.TimeSeries{LabelsRefs: []uint32{1, math.MaxUint32}, Samples: samples})
	f("an odd number", InvalidLabel, 2, writev2.TimeSeries{LabelsRefs: []uint32{1, 2, 1}, Samples: samples})
	f("more labels than are read", TooManyLabels, 2, writev2.TimeSeries{
		LabelsRefs: slices.Repeat([]uint32{1, 2}, DefaultLimits().Labels+1), Samples: samples,
	})
	f("an exemplar of as many", BadExemplar, 1, writev2.TimeSeries{
		LabelsRefs: []uint32{1, 2}, Samples: samples,
		Exemplars: []writev2.Exemplar{{LabelsRefs: slices.Repeat([]uint32{1, 2}, DefaultLimits().Labels+1)}},
	})
	f("a histogram", InvalidLabel, 1, writev2.TimeSeries{
		LabelsRefs: []uint32{9, 9}, Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, 1, anInt)},
	})
	f("an exemplar", BadExemplar, 1, writev2.TimeSeries{
		LabelsRefs: []uint32{1, 2}, Samples: samples, Exemplars: []writev2.Exemplar{{LabelsRefs: []uint32{1, 7}}},
	})
}

func TestDecodeV2RefusesWhatIsMalformed(t *testing.T) {
	whole := requestV2(t, full())
	boundary := map[int]bool{0: true} // Where a shorter request ends as well.
	for i := 0; i < len(whole); {
		_, j := varint(whole, i)
		_, i, _ = span(whole, j)
		boundary[i] = true
	}
	for cut := range whole {
		if err := decodeV2(whole[:cut], DefaultLimits(), 1<<20, new(Batch)); err == nil && !boundary[cut] {
			t.Errorf("%d of %d bytes were taken for a request", cut, len(whole))
		}
	}
}

// sameHistogram compares a decoded histogram with Prometheus's.
func sameHistogram(
	t *testing.T, got Histogram, at, start int64, float bool,
	asInt func() *histogram.Histogram, asFloat func() *histogram.FloatHistogram,
) {
	t.Helper()
	// As text, in which NaN is like NaN and nil like empty.
	want := fmt.Sprintf("%d %d %+v", at, start, asInt())
	text := fmt.Sprintf("%d %d %+v", got.T, got.Start, got.Int)
	if float {
		want = fmt.Sprintf("%d %d %+v", at, start, asFloat())
		text = fmt.Sprintf("%d %d %+v", got.T, got.Start, got.Float)
	}
	if got.Float != nil != float || text != want {
		t.Fatalf("histogram\n%s\nPrometheus reads\n%s", text, want)
	}
}

// FuzzDecodeV2 holds the decoder against Prometheus's own: whatever that one
// reads, ours reads alike or refuses for its size.
func FuzzDecodeV2(f *testing.F) {
	f.Add(requestV2(f, full()))
	f.Add([]byte{0x2a, 0x00, 0x22, 0x00, 0x2a, 0x02, 0x08, 0x00})
	for _, field := range []byte{symbolsV2, timeseriesV2} {
		f.Add(bytes.Repeat([]byte{field<<3 | wireBytes, 0}, 19_000))
	}
	for _, field := range []byte{labelsV2, samplesV2, histogramsV2, exemplarsV2, metadataV2} {
		f.Add(message(nil, timeseriesV2, bytes.Repeat([]byte{field<<3 | wireBytes, 0}, 19_000)))
	}
	f.Add(splitV2(100))
	f.Fuzz(func(t *testing.T, body []byte) {
		var theirs writev2.Request
		theirErr := theirs.Unmarshal(body)
		var ours Batch
		var ourErr error
		batchBounds().Hold(t, len(body), func() {
			ours = Batch{}
			ourErr = decodeV2(body, DefaultLimits(), 1<<20, &ours)
		})
		builder := labels.NewScratchBuilder(8)
		for i := range ours.Series {
			// Whatever it holds, it is read without a panic.
			_, _ = ParseLabels(ours.Spell(&ours.Series[i]), DefaultLimits(), &builder)
			_ = ours.Describe(&ours.Series[i])
		}
		if theirErr != nil || ourErr != nil {
			return
		}
		next := 0
		for _, want := range theirs.Timeseries {
			if !readable(want, theirs.Symbols) {
				continue // Counted as skipped.
			}
			if next == len(ours.Series) {
				t.Fatalf("%d series, Prometheus reads more", next)
			}
			sameSeries(t, &ours, ours.Series[next], want, theirs.Symbols)
			next++
		}
		if next != len(ours.Series) {
			t.Fatalf("%d series, Prometheus reads %d", len(ours.Series), next)
		}
	})
}

// readable reports whether the labels of the series refer to symbols.
func readable(s writev2.TimeSeries, symbols []string) bool {
	for _, ref := range s.LabelsRefs {
		if int64(ref) >= int64(len(symbols)) {
			return false
		}
	}
	return len(s.LabelsRefs)%2 == 0
}

// sameSeries compares a decoded series with Prometheus's.
func sameSeries(t *testing.T, b *Batch, s Series, want writev2.TimeSeries, symbols []string) {
	t.Helper()
	builder := labels.NewScratchBuilder(8)
	raw := b.Spell(&s)
	for i := 0; i < len(want.LabelsRefs); i += 2 {
		_, from, to := nextLabel(raw, 0)
		name, value, ok := labelPair(raw[from:to])
		if !ok || name != symbols[want.LabelsRefs[i]] || value != symbols[want.LabelsRefs[i+1]] {
			t.Fatalf("label %d is %q: %q", i/2, name, value)
		}
		raw = raw[to:]
	}
	got := b.Samples[s.First:s.End]
	if len(got) != len(want.Samples) {
		t.Fatalf("%d samples, Prometheus reads %d", len(got), len(want.Samples))
	}
	for j, w := range want.Samples {
		if got[j].T != w.Timestamp || got[j].Start != w.StartTimestamp ||
			math.Float64bits(got[j].V) != math.Float64bits(w.Value) {
			t.Fatalf("sample %v, Prometheus reads %v", got[j], w)
		}
	}
	hs := b.Histograms[s.FirstHistogram:s.EndHistogram]
	if len(hs) != len(want.Histograms) {
		t.Fatalf("%d histograms, Prometheus reads %d", len(hs), len(want.Histograms))
	}
	for j, w := range want.Histograms {
		sameHistogram(t, hs[j], w.Timestamp, w.StartTimestamp, w.IsFloatHistogram(), w.ToIntHistogram, w.ToFloatHistogram)
	}
	for _, e := range b.Exemplars[s.FirstExemplar:s.EndExemplar] {
		_, _ = ParseExemplarLabels(e.Labels, DefaultLimits(), &builder)
	}
}
