package otlp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/otlp"
	"invoq/internal/fuzzing"
	"invoq/tsdb"
	"invoq/tsdb/exact"
)

// start is the wall clock of these tests.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// receiving is a TSDB that OTLP is written to.
type receiving struct {
	t     testing.TB
	store *tsdb.Store
	h     *otlp.Handler
}

// open opens the TSDB in a folder; the test or close closes it.
func open(t testing.TB, dir string) *receiving {
	t.Helper()
	cfg := tsdb.DefaultConfig(dir)
	cfg.Now = func() time.Time { return start.Add(time.Hour) }
	cfg.Billable = exact.BuiltinProfiles().Billable
	store, err := tsdb.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := ingest.NewReceiver(store.Writer(), ingest.DefaultLimits(), metrics.NewSet())
	return &receiving{t, store, otlp.New(r, otlp.DefaultConfig())}
}

func (r *receiving) close() {
	r.t.Helper()
	if err := r.store.Close(context.Background()); err != nil {
		r.t.Error(err)
	}
}

// export sends a body and returns what the answer says was refused.
func (r *receiving) export(contentType, encoding string, body []byte) (string, error) {
	a, err := r.h.Export(r.t.Context(), ingest.Request{
		ContentType: contentType, ContentEncoding: encoding, Body: body, Scope: ingest.Scope{Tenant: "acme"},
	})
	if err != nil {
		return "", err
	}
	res := pmetricotlp.NewExportResponse()
	if contentType == otlp.JSON {
		err = res.UnmarshalJSON(a.Body)
	} else {
		err = res.UnmarshalProto(a.Body)
	}
	if err != nil || a.ContentType != contentType {
		r.t.Errorf("answer of type %q: %v", a.ContentType, err)
	}
	p := res.PartialSuccess()
	if p.RejectedDataPoints() == 0 {
		return p.ErrorMessage(), nil
	}
	return fmt.Sprintf("%d: %s", p.RejectedDataPoints(), p.ErrorMessage()), nil
}

// send exports metrics as protobuf and wants no complaint.
func (r *receiving) send(md pmetric.Metrics) {
	r.t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		r.t.Fatal(err)
	}
	if refused, err := r.export(otlp.Protobuf, "", body); refused != "" || err != nil {
		r.t.Errorf("refused %s, error %v", refused, err)
	}
}

// at returns an instant of OTLP.
func at(seconds float64) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(start.Add(time.Duration(seconds * float64(time.Second))))
}

// waiter returns empty metrics of a Knative pod, and where to add them.
func waiter() (pmetric.Metrics, pmetric.MetricSlice) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	for k, v := range map[string]string{
		"service.name": "queue-proxy", "service.instance.id": "waiter-00001-abc", "kn.service.name": "waiter",
		"kn.revision.name": "waiter-00001", "k8s.namespace.name": "prod", "k8s.pod.name": "waiter-00001-abc",
		"telemetry.sdk.language": "go",
	} {
		rm.Resource().Attributes().PutStr(k, v)
	}
	return md, rm.ScopeMetrics().AppendEmpty().Metrics()
}

// histogram adds the invocations of one status: 1 of up to 0.5 s, the rest above.
func histogram(to pmetric.MetricSlice, temporality pmetric.AggregationTemporality, from, t pcommon.Timestamp, count uint64, sum float64) {
	m := to.AppendEmpty()
	m.SetName("kn.serving.invocation.duration")
	m.SetUnit("s")
	m.SetEmptyHistogram().SetAggregationTemporality(temporality)
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetStartTimestamp(from)
	p.SetTimestamp(t)
	p.Attributes().PutInt("http.response.status_code", 200)
	p.SetCount(count)
	p.SetSum(sum)
	p.ExplicitBounds().FromRaw([]float64{0.5})
	p.BucketCounts().FromRaw([]uint64{1, count - 1})
}

// counted returns the invocations and milliseconds that were counted in the
// hour from start.
func (r *receiving) counted() string {
	r.t.Helper()
	res, err := exact.Compute(r.t.Context(), r.store, exact.BuiltinProfiles(), exact.Request{
		Interval: invoq.Interval{Start: start, End: start.Add(time.Hour)},
		Watched:  map[invoq.TenantName]int64{"acme": start.UnixMilli()},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	var sum invoq.Quantities
	who := map[string]bool{}
	for _, row := range res.Rows {
		sum = sum.Add(row.Quantities)
		who[row.Namespace+"/"+row.Service+"/"+row.Revision] = true
	}
	return fmt.Sprintf("%v: %s in %s ms", slices.Collect(keys(who)), sum.Invocations, sum.DurationMs)
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// dump returns the series of one metric, a line each.
func (r *receiving) dump(metric string) []string {
	r.t.Helper()
	q, err := r.store.Querier(0, math.MaxInt64)
	if err != nil {
		r.t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(r.t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, metric))
	var lines []string
	for set.Next() {
		line := set.At().Labels().String()
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			seconds := float64(it.AtT()-start.UnixMilli()) / 1000
			if kind == chunkenc.ValFloat {
				_, v := it.At()
				line += fmt.Sprintf(" %g:%g", seconds, v)
				continue
			}
			_, h := it.AtFloatHistogram(nil)
			line += fmt.Sprintf(" %g:%s", seconds, h)
		}
		lines = append(lines, line)
	}
	return lines
}

const (
	cumulative = pmetric.AggregationTemporalityCumulative
	delta      = pmetric.AggregationTemporalityDelta
)

func TestExportOfAKnativePod(t *testing.T) {
	r := open(t, t.TempDir())
	defer r.close()
	md, to := waiter()
	histogram(to, cumulative, at(-20), at(15), 3, 2.25)
	r.send(md)
	md, to = waiter()
	histogram(to, cumulative, at(-20), at(30), 5, 3)
	r.send(md)
	if diff := cmp.Diff(`[prod/waiter/waiter-00001]: 5 in 3000 ms`, r.counted()); diff != "" {
		t.Error("counted (-want +got):\n" + diff)
	}
	want := []string{`{__name__="kn_serving_invocation_duration_seconds_count", http_response_status_code="200", ` +
		`instance="waiter-00001-abc", job="queue-proxy", k8s_namespace_name="prod", k8s_pod_name="waiter-00001-abc", ` +
		`kn_revision_name="waiter-00001", kn_service_name="waiter", service_instance_id="waiter-00001-abc", ` +
		`service_name="queue-proxy", tenant="acme"} 15:3 30:5`}
	if diff := cmp.Diff(want, r.dump("kn_serving_invocation_duration_seconds_count")); diff != "" {
		t.Error("stored (-want +got):\n" + diff)
	}
	if info := r.dump("target_info"); len(info) != 1 || !strings.Contains(info[0], `telemetry_sdk_language="go"`) {
		t.Errorf("target_info: %v", info)
	}
}

// Every delta counts once, whole: whatever its start says, in whatever order
// they come, sent once or again, and across a restart of the server.
func TestDeltasCountOnceThroughARestart(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	one := func(from, to float64, count uint64, sum float64) pmetric.Metrics {
		md, ms := waiter()
		histogram(ms, delta, at(from), at(to), count, sum)
		return md
	}
	first, second := one(0, 15, 4, 2), one(15, 30, 7, 1.5)
	r.send(first)
	r.send(second)
	r.send(first) // A retry.
	r.close()

	r = open(t, dir)
	r.send(second) // A retry of what the sender saw no answer to.
	r.send(one(45, 60, 7, 1.5))
	r.send(one(30, 45, 1, 0.25)) // Late, and less than its neighbours.
	r.send(one(0, 75, 2, 1))     // Of a sender that never moves its start.
	r.send(one(75, 75.001, 9, 0.5))
	r.close()

	r = open(t, dir)
	defer r.close()
	const want = `[prod/waiter/waiter-00001]: 30 in 6750 ms` // 4+7+7+1+2+9, 2+1.5+1.5+0.25+1+0.5
	if diff := cmp.Diff(want, r.counted()); diff != "" {
		t.Error("counted (-want +got):\n" + diff)
	}
}

// A cumulative counter whose process restarts, and one that is older than we.
func TestCumulativeCounters(t *testing.T) {
	r := open(t, t.TempDir())
	defer r.close()
	for _, p := range []struct {
		from, to float64
		count    uint64
	}{{-20, 15, 10}, {-20, 30, 12}, {40, 60, 15}, {-9000, 75, 900}} {
		md, ms := waiter()
		if p.from < -1000 {
			md.ResourceMetrics().At(0).Resource().Attributes().PutStr("k8s.pod.name", "old")
			md.ResourceMetrics().At(0).Resource().Attributes().PutStr("service.instance.id", "old")
		}
		histogram(ms, cumulative, at(p.from), at(p.to), p.count, float64(p.count))
		r.send(md)
	}
	const want = `[prod/waiter/waiter-00001]: 27 in 27000 ms` // 12 + 15; of the old one nothing was seen
	if diff := cmp.Diff(want, r.counted()); diff != "" {
		t.Error("counted (-want +got):\n" + diff)
	}
}

// All kinds of metric, as text and compressed.
func TestExportOfEveryKind(t *testing.T) {
	r := open(t, t.TempDir())
	defer r.close()
	const body = `{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},
	"scopeMetrics":[{"metrics":[
	{"name":"sold","unit":"1","description":"Sold.","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":"7","timeUnixNano":"1772366415000000000"}]}},
	{"name":"queue.depth","gauge":{"dataPoints":[{"asDouble":1.5,"timeUnixNano":"1772366415000000000"}]}},
	{"name":"native","unit":"s","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":"3","sum":4,"scale":0,"zeroCount":"1","positive":{"offset":0,"bucketCounts":["1","1"]},"timeUnixNano":"1772366415000000000"}]}},
	{"name":"old.summary","summary":{"dataPoints":[{"count":"2","sum":5,"quantileValues":[{"quantile":0.5,"value":2}],"timeUnixNano":"1772366415000000000"}]}},
	{"name":"nothing","gauge":{"dataPoints":[]}}
	]}]}]}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if refused, err := r.export(otlp.JSON, "gzip", zipped.Bytes()); refused != "" || err != nil {
		t.Fatalf("refused %s, error %v", refused, err)
	}
	for metric, want := range map[string]string{
		"sold_total":        `job="s", service_name="s", tenant="acme"} 15:7`,
		"queue_depth":       `job="s", service_name="s", tenant="acme"} 15:1.5`,
		"native_seconds":    `job="s", service_name="s", tenant="acme"} 15:{count:3, sum:4, [-1e-128,1e-128]:1, (1,2]:1, (2,4]:1}`,
		"old_summary_count": `job="s", service_name="s", tenant="acme"} 15:2`,
		"old_summary":       `job="s", quantile="0.5", service_name="s", tenant="acme"} 15:2`,
	} {
		got := r.dump(metric)
		if len(got) != 1 || !strings.HasSuffix(got[0], want) {
			t.Errorf("%s: %v, want %s", metric, got, want)
		}
	}
	if m := r.store.Metadata("acme")["sold_total"]; m.Type != "counter" || m.Help != "Sold." {
		t.Errorf("metadata %+v", m)
	}
}

// What is refused is told in the answer, with its reason, and nothing is lost
// of the rest.
func TestExportTellsWhatItRefused(t *testing.T) {
	r := open(t, t.TempDir())
	defer r.close()
	md, to := waiter()
	late, lateTo := waiter()
	for seconds, to := range map[float64]pmetric.MetricSlice{15: to, -9000: lateTo} {
		m := to.AppendEmpty()
		m.SetName("depth")
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(at(seconds))
	}
	late.ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
	unknown := to.AppendEmpty()
	unknown.SetName("unknown")
	unknown.SetEmptySum().DataPoints().AppendEmpty().SetTimestamp(at(15)) // No temporality.
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	refused, err := r.export(otlp.Protobuf, "", body)
	if err != nil || !strings.HasPrefix(refused, "3: kept 2 samples, rejected 3: ") || !strings.Contains(refused, "older than the accepted lateness") ||
		!strings.Contains(refused, `"unknown"`) {
		t.Errorf("refused %q, error %v", refused, err)
	}
	if got := r.dump("depth"); len(got) != 1 {
		t.Errorf("kept %v", got)
	}
	told := map[ingest.Reason]int64{}
	for _, f := range r.store.Refusals("acme") {
		told[f.Reason] = f.Count
	}
	if diff := cmp.Diff(map[ingest.Reason]int64{ingest.TooOld: 2, ingest.Untranslatable: 1}, told); diff != "" {
		t.Error("refusals (-want +got):\n" + diff)
	}
}

func TestExportRefusesWhatItCannotRead(t *testing.T) {
	r := open(t, t.TempDir())
	defer r.close()
	// Fields of a message within those of others, outermost first.
	within := func(b []byte, fields ...byte) []byte {
		for _, f := range slices.Backward(fields) {
			n := len(b)
			head := []byte{f<<3 | 2}
			for ; n >= 0x80; n >>= 7 {
				head = append(head, byte(n)|0x80)
			}
			b = append(append(head, byte(n)), b...)
		}
		return b
	}
	repeat := func(unit []byte, n int) []byte { return bytes.Repeat(unit, n) }
	const million = 1 << 20
	deep := []byte(nil)
	for range 100 {
		deep = within(deep, 5, 1)
	}
	bounds := repeat([]byte{0, 0, 0, 0, 0, 0, 0, 0}, million/4)
	f := func(name string, want invoq.Kind, contentType, encoding string, body []byte) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := r.export(contentType, encoding, body)
		runtime.ReadMemStats(&after)
		if got := invoq.KindOf(err); got != want {
			t.Errorf("%s: %q, want %q: %v", name, got, want, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<20 {
			t.Errorf("%s: %d bytes allocated %d MiB", name, len(body), grown>>20)
		}
	}
	f("text", invoq.KindUnsupported, "text/plain", "", nil)
	f("brotli", invoq.KindUnsupported, otlp.JSON, "br", nil)
	f("no gzip", invoq.KindInvalid, otlp.JSON, "gzip", []byte("hello"))
	f("no JSON", invoq.KindInvalid, otlp.JSON, "", []byte("{"))
	f("no message", invoq.KindInvalid, otlp.Protobuf, "", []byte("hello"))
	f("nothing", "", otlp.Protobuf, "", nil)
	f("a body of 9 MiB", invoq.KindTooLarge, otlp.Protobuf, "", make([]byte, 9<<20))
	f("empty resources", invoq.KindTooLarge, otlp.Protobuf, "", repeat([]byte{1<<3 | 2, 0}, million))
	f("empty points", invoq.KindTooLarge, otlp.Protobuf, "", within(repeat([]byte{1<<3 | 2, 0}, million), 1, 2, 2, 7))
	f("empty attributes", invoq.KindTooLarge, otlp.Protobuf, "", within(repeat([]byte{7<<3 | 2, 0}, million), 1, 2, 2, 7, 1))
	f("values in values", invoq.KindInvalid, otlp.Protobuf, "", within(deep, 1, 1, 1, 2))
	f("bounds without end", invoq.KindTooLarge, otlp.Protobuf, "", within(slices.Concat(
		within([]byte("m"), 1), within(slices.Concat(
			[]byte{2 << 3, 2}, within(append(within(bounds[8:], 7), within(bounds, 6)...), 1)), 9)), 1, 2, 2))
	f("brackets", invoq.KindInvalid, otlp.JSON, "", repeat([]byte("["), million))
	f("commas", invoq.KindTooLarge, otlp.JSON, "", append([]byte(`{"resourceMetrics":[`), repeat([]byte("{},"), million)...))
	f("a bomb", invoq.KindTooLarge, otlp.Protobuf, "gzip", zipped(t, make([]byte, 64<<20)))
}

// zipped returns bytes in gzip.
func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// inflated returns how many bytes come out of gzip, as far as they are read.
func inflated(b []byte) int {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return len(b)
	}
	n, _ := io.Copy(io.Discard, io.LimitReader(z, int64(ingest.DefaultLimits().DecodedBytes)))
	return int(n)
}

// nowhere is a store that reads every series and keeps none: what is fuzzed is
// the way there.
type nowhere struct{}

// Write reads the labels of the batch.
func (nowhere) Write(_ context.Context, _ ingest.Scope, b *ingest.Batch) (ingest.Rejections, error) {
	builder := labels.NewScratchBuilder(8)
	for _, s := range b.Series {
		_, _ = ingest.ParseLabels(s.Labels, ingest.DefaultLimits(), &builder)
	}
	return ingest.Rejections{}, nil
}

// FuzzExport feeds the handler whatever there is: it neither panics nor takes
// long, and answers.
func FuzzExport(f *testing.F) {
	md, to := waiter()
	histogram(to, delta, at(0), at(15), 3, 2)
	for _, contentType := range []string{otlp.Protobuf, otlp.JSON} {
		req := pmetricotlp.NewExportRequestFromMetrics(md)
		body, err := req.MarshalProto()
		if contentType == otlp.JSON {
			body, err = req.MarshalJSON()
		}
		if err != nil {
			f.Fatal(err)
		}
		f.Add(contentType == otlp.JSON, false, body)
		f.Add(contentType == otlp.JSON, true, zipped(f, body))
		f.Add(contentType == otlp.JSON, true, zipped(f, body)[:40])
	}
	f.Add(false, true, zipped(f, make([]byte, 64<<20)))
	f.Add(false, false, bytes.Repeat([]byte{1<<3 | 2, 0}, 10_000))
	f.Add(true, false, append([]byte(`{"resourceMetrics":[`), bytes.Repeat([]byte("{},"), 10_000)...))
	f.Add(true, false, bytes.Repeat([]byte("["), 10_000))
	bounds := fuzzing.Default()
	// The prescan counts 150 bytes for each element, which has two at least; then
	// elements become series, with labels of their own.
	bounds.PerByte = 150
	f.Fuzz(func(t *testing.T, json, gzip bool, body []byte) {
		req := ingest.Request{ContentType: otlp.Protobuf, Body: body, Scope: ingest.Scope{Tenant: "acme"}}
		if json {
			req.ContentType = otlp.JSON
		}
		size := len(body)
		if gzip {
			req.ContentEncoding = "gzip"
			size = inflated(body)
		}
		var err error
		bounds.Hold(t, size, func() {
			h := otlp.New(ingest.NewReceiver(nowhere{}, ingest.DefaultLimits(), metrics.NewSet()), otlp.DefaultConfig())
			_, err = h.Export(t.Context(), req)
		})
		if kind := invoq.KindOf(err); kind == invoq.KindInternal {
			t.Error(err)
		}
	})
}
