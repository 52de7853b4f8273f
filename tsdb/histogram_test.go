package tsdb

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// native returns a histogram of n observations in the bucket up to 1.
func native(seconds int, n int64) ingest.Histogram {
	return ingest.Histogram{T: at(seconds), Start: at(-100), Int: &histogram.Histogram{
		Count: uint64(n), Sum: float64(n), PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{n},
	}}
}

// custom is the same with floats and a bound of one's own.
func custom(seconds int, n float64) ingest.Histogram {
	return ingest.Histogram{T: at(seconds), Float: &histogram.FloatHistogram{
		Schema: histogram.CustomBucketsSchema, Count: n, Sum: n, CustomValues: []float64{1},
		PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []float64{n},
	}}
}

func TestWriterStoresNativeHistograms(t *testing.T) {
	s := open(t, func(c *Config) { c.Billable = func(m string) bool { return m == "billed" } })
	f := func(want, name string, hs ...ingest.Histogram) {
		t.Helper()
		b := ingesttest.Batch(ingesttest.Series{Labels: []string{"__name__", name}, Histograms: hs})
		rejected, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, b)
		if err != nil {
			t.Fatal(err)
		}
		got := "ok"
		if err := rejected.Err(len(hs) - rejected.Batch().Histograms); err != nil {
			got, _, _ = strings.Cut(err.Error(), " (such as")
		}
		if got != want {
			t.Errorf("verdict\n got %s\nwant %s", got, want)
		}
	}
	bad := native(60, 5)
	bad.Int.Count = 99
	broken := native(60, 5)
	broken.Int.Sum = math.Inf(1)
	stale := ingest.Histogram{T: at(90), Int: &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}}
	f("ok", "a", native(0, 5), native(30, 6))
	f("ok", "a", native(0, 5))
	f("kept 0 samples, rejected 1: 1 samples that differ from the one stored for the same time", "a", native(0, 4))
	f("kept 1 samples, rejected 1: 1 native histograms that contradict themselves", "a", bad, native(75, 7))
	f("ok", "a", native(15, 5), stale)
	f("ok", "c", custom(0, 1.5), custom(30, 2))
	f("kept 0 samples, rejected 1: 1 NaN or infinite values of a billable counter", "billed", broken)
	want := []string{
		`{__name__="a", tenant="acme"} 0:h5<-100 15:h5<-100 30:h6<-100 75:h7<-100 90:hNaN`,
		`{__name__="c", tenant="acme"} 0:fh1.5 30:fh2`,
	}
	if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
}

// Prometheus ends a series of histograms with a number that is a stale marker. To
// send it again is nothing new, whether it is the newest or not.
func TestWriterKnowsStaleMarkersAgain(t *testing.T) {
	s := open(t, nil)
	labels := []string{"__name__", "a"}
	end := ingesttest.Series{
		Labels: labels, Samples: []ingest.Sample{{T: at(30), V: math.Float64frombits(value.StaleNaN)}},
	}
	number := ingesttest.Series{Labels: labels, Samples: []ingest.Sample{{T: at(30), V: 1}}}
	of := func(h ingest.Histogram) ingesttest.Series {
		return ingesttest.Series{Labels: labels, Histograms: []ingest.Histogram{h}}
	}
	f := func(want string, series ingesttest.Series) {
		t.Helper()
		if got, _, _ := strings.Cut(write(t, s, series), ","); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f("ok", of(native(0, 5)))
	f("ok", end)
	f("ok", end)
	f("kept 0 samples", number)
	f("ok", of(native(60, 6)))
	f("ok", end)
	f("kept 0 samples", number)
	want := []string{`{__name__="a", tenant="acme"} 0:h5<-100 30:hNaN 60:h6<-100`}
	if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
}

// Histograms that the library takes and cannot bear later are refused. A stale
// marker is one whatever buckets it has, and buckets that are too fine are joined.
func TestWriterStoresOddHistograms(t *testing.T) {
	s := open(t, nil)
	const contradicts = "1 native histograms that contradict themselves"
	f := func(name, want string, change func(*histogram.Histogram)) {
		t.Helper()
		h := native(0, 5)
		change(h.Int)
		h.Float = h.Int.ToFloat(nil)
		for _, h := range []ingest.Histogram{{T: h.T, Int: h.Int}, {T: h.T, Float: h.Float}} {
			labels := []string{"__name__", strings.ReplaceAll(name, " ", "_"), "float", fmt.Sprint(h.Float != nil)}
			got := write(t, s, ingesttest.Series{Labels: labels, Histograms: []ingest.Histogram{h}})
			if _, why, ok := strings.Cut(got, ": "); ok {
				got, _, _ = strings.Cut(why, " (such as")
			}
			if got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
		f(fmt.Sprint("zero up to ", v), contradicts, func(h *histogram.Histogram) { h.ZeroThreshold = v })
	}
	for _, offset := range []int32{math.MinInt32, math.MaxInt32, maxBucketIndex, -maxBucketIndex - 1} {
		f(fmt.Sprint("bucket ", offset), contradicts, func(h *histogram.Histogram) { h.PositiveSpans[0].Offset = offset })
	}
	f("a far span", contradicts, func(h *histogram.Histogram) {
		h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: math.MaxInt32})
	})
	crowd := func(n int) func(*histogram.Histogram) {
		return func(h *histogram.Histogram) {
			h.PositiveSpans[0].Length, h.PositiveBuckets = uint32(n), make([]int64, n)
			h.Count = 0
		}
	}
	f("too many buckets", contradicts, crowd(maxBuckets+1))
	f("many buckets", "ok", crowd(maxBuckets))
	f("no schema", contradicts, func(h *histogram.Histogram) { h.Schema = 53 })
	f("too fine and wrong", contradicts, func(h *histogram.Histogram) { h.Schema, h.PositiveSpans[0].Length = 52, 2 })
	f("smallest", "ok", func(h *histogram.Histogram) { h.Schema, h.PositiveSpans[0].Offset = 8, -1074<<8 })
	f("too fine", "ok", func(h *histogram.Histogram) { h.Schema, h.PositiveSpans[0].Offset = 20, 1<<12 })
	f("stale", "ok", func(h *histogram.Histogram) {
		h.Sum, h.Schema, h.PositiveSpans[0].Length = math.Float64frombits(value.StaleNaN), 77, 9
	})
	want := []string{
		`{__name__="many_buckets", float="false", tenant="acme"} 0:h5`,
		`{__name__="many_buckets", float="true", tenant="acme"} 0:fh5`,
		`{__name__="smallest", float="false", tenant="acme"} 0:h5`,
		`{__name__="smallest", float="true", tenant="acme"} 0:fh5`,
		`{__name__="stale", float="false", tenant="acme"} 0:hNaN`,
		`{__name__="stale", float="true", tenant="acme"} 0:fhNaN`,
		`{__name__="too_fine", float="false", tenant="acme"} 0:h5`,
		`{__name__="too_fine", float="true", tenant="acme"} 0:fh5`,
	}
	if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
}

// Start timestamps are kept, of samples in order and of late ones.
func TestWriterStoresStarts(t *testing.T) {
	s := open(t, nil)
	series := ingesttest.Series{Labels: []string{"__name__", "a"}, Samples: []ingest.Sample{
		{T: at(60), V: 5, Start: at(-60)}, {T: at(120), V: 1, Start: at(100)}, {T: at(180), V: 2},
	}}
	late := ingesttest.Series{Labels: series.Labels, Samples: []ingest.Sample{{T: at(30), V: 2, Start: at(-60)}}}
	write(t, s, series)
	write(t, s, late)
	want := []string{`{__name__="a", tenant="acme"} 30:2<-60 60:5<-60 120:1<100 180:2`}
	if diff := cmp.Diff(want, dump(t, s.Everything())); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
}

func TestWriterStoresExemplars(t *testing.T) {
	s := open(t, nil)
	put := func(tenant string, series ingesttest.Series) ingest.Rejections {
		t.Helper()
		rejected, err := s.Writer().Write(t.Context(),
			ingest.Scope{Tenant: invoq.TenantName(tenant)}, ingesttest.Batch(series))
		if err != nil {
			t.Fatal(err)
		}
		return rejected
	}
	traced := func(seconds int, id string) ingesttest.Exemplar {
		return ingesttest.Exemplar{Labels: []string{"trace_id", id}, T: at(seconds), V: 1}
	}
	series := of("a", 0, 1, 30, 2)
	series.Exemplars = []ingesttest.Exemplar{traced(25, "two"), traced(5, "one")}
	for _, tenant := range []string{"acme", "zeta", "acme"} { // The last is a retry.
		if r := put(tenant, series); r.Total() != 0 {
			t.Errorf("%s: %v", tenant, r.Err(0))
		}
	}
	refused := of("a", 9999, 1) // Too far ahead.
	refused.Exemplars = []ingesttest.Exemplar{traced(40, "three")}
	if r := put("acme", refused); r.Batch() != (ingest.Counts{Samples: 1, Exemplars: 1}) {
		t.Errorf("an exemplar of a sample that is refused: %+v", r.Batch())
	}
	long := of("a", 60, 1)
	long.Exemplars = []ingesttest.Exemplar{
		traced(50, strings.Repeat("x", 200)), {Labels: []string{"a", "\xff"}, T: at(50)}, traced(-30_000, "late"), traced(55, "three"),
	}
	r := put("acme", long)
	if r.Batch() != (ingest.Counts{Exemplars: 3}) || r.Count(ingest.LateExemplar) != 1 {
		t.Errorf("exemplars that are long, not UTF-8 and late: %v", r.Err(1))
	}
	res, err := s.ScopedExemplars("acme").Select(0, math.MaxInt64, []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "tenant", ".+")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, series := range res {
		for _, e := range series.Exemplars {
			got = append(got, series.SeriesLabels.Get("tenant")+" "+e.Labels.Get("trace_id"))
		}
	}
	if diff := cmp.Diff([]string{"acme one", "acme two", "acme three"}, got); diff != "" {
		t.Error("what acme sees (-want +got):\n" + diff)
	}
}

func TestWriterKeepsDescriptions(t *testing.T) {
	s := open(t, nil)
	b := ingesttest.Batch(of("d_seconds_count", 0, 1), of("d_seconds_sum", 0, 1), of("c_total", 0, 1))
	b.Descriptions = []ingest.Metadata{{Type: "histogram", Help: "How long."}, {Type: "counter", Unit: "calls"}}
	b.Series[0].Described, b.Series[1].Described, b.Series[2].Described = 1, 1, 2
	if _, err := s.Writer().Write(t.Context(), ingest.Scope{Tenant: "acme"}, b); err != nil {
		t.Fatal(err)
	}
	want := map[string]ingest.Metadata{
		"d_seconds": {Family: "d_seconds", Type: "histogram", Help: "How long."},
		"c_total":   {Family: "c_total", Type: "counter", Unit: "calls"},
	}
	if diff := cmp.Diff(want, s.Metadata("acme")); diff != "" {
		t.Error("metadata (-want +got):\n" + diff)
	}
}
