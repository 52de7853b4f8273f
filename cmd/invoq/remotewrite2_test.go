package main

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
)

// forwarder is the half of a Prometheus that stores samples and forwards them by
// remote write 2.0: its own write-ahead log, watcher and queue.
type forwarder struct {
	db    *tsdb.DB
	queue *remote.WriteStorage
}

func startForwarder(t *testing.T, url, key string) *forwarder {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	opts := tsdb.DefaultOptions()
	opts.EnableExemplarStorage, opts.MaxExemplars = true, 100
	db, err := tsdb.Open(dir, log, prometheus.NewRegistry(), opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(fmt.Sprintf(`
remote_write:
  - url: %s/api/v1/write
    protobuf_message: io.prometheus.write.v2.Request
    authorization: {credentials: %s}
    send_exemplars: true
    send_native_histograms: true
    metadata_config: {send: false}
    queue_config: {batch_send_deadline: 200ms, min_shards: 1, max_shards: 2}
`, url, key), log)
	if err != nil {
		t.Fatal(err)
	}
	queue := remote.NewWriteStorage(log, prometheus.NewRegistry(), dir, time.Second, nil, false)
	if err := queue.ApplyConfig(cfg); err != nil {
		t.Fatal(err)
	}
	db.SetWriteNotified(queue)
	t.Cleanup(func() {
		if err := queue.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &forwarder{db, queue}
}

// append stores a counter's value with an exemplar, and a native histogram.
func (f *forwarder) append(t *testing.T, n int) {
	t.Helper()
	app := f.db.Appender(t.Context())
	now := time.Now().UnixMilli()
	counter := labels.FromStrings("__name__", "fn_requests_total", "service", "fn", "pod", "p1")
	ref, err := app.Append(0, counter, now, float64(n))
	if err == nil {
		_, err = app.AppendExemplar(ref, counter, exemplar.Exemplar{
			Labels: labels.FromStrings("trace_id", fmt.Sprint("t", n)), Value: 1, Ts: now, HasTs: true,
		})
	}
	if err == nil {
		h := &histogram.Histogram{
			Count: uint64(n), Sum: float64(n), Schema: 0,
			PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{int64(n)},
		}
		_, err = app.AppendHistogram(0, labels.FromStrings("__name__", "latency_seconds", "pod", "p1"), now, h, nil)
	}
	if err == nil {
		err = app.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Prometheus's own sender of remote write 2.0 is understood: samples, exemplars
// and native histograms are stored, nothing fails and nothing is refused, and
// usage is counted from them, also through a restart of the server.
func TestPrometheusSenderOf20(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a server and a sender for some seconds")
	}
	s := start(t, "--listen", freeAddress(t))
	key := s.newKey(t, "acme", "ingest")
	f := startForwarder(t, s.url, key)
	stored := func(n int) {
		t.Helper()
		waitFor(t, func() bool {
			f.append(t, n) // What comes before the queue has begun is not sent.
			return s.instant(t, `fn_requests_total`) == float64(n) &&
				s.instant(t, `histogram_count(latency_seconds)`) == float64(n)
		})
	}
	stored(3)
	s.stop()
	f.append(t, 5)
	s.run()
	stored(5)
	stored(8)
	var exemplars struct {
		Data []struct {
			Exemplars []struct{ Labels map[string]string }
		}
	}
	s.get("/api/v1/query_exemplars?query=fn_requests_total", &exemplars)
	traces := map[string]bool{}
	for _, series := range exemplars.Data {
		for _, e := range series.Exemplars {
			traces[e.Labels["trace_id"]] = true
		}
	}
	if len(traces) != 3 || !traces["t3"] || !traces["t5"] || !traces["t8"] {
		t.Errorf("exemplars of %v", traces)
	}
	var refused page[struct{ Reason, Example string }]
	if s.get("/api/v1/ingest/rejections", &refused); len(refused.Items) > 0 {
		t.Errorf("refused: %+v", refused.Items)
	}
	s.post("/api/v1/metrics/aggregate", nil, nil)
	if got := s.invocations("acme", "5m"); got["fn"] != 8 {
		t.Errorf("counted %v", got)
	}
}
