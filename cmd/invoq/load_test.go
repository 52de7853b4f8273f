package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// stepMs is the time between two samples, short so that hundreds of lives fit
// into the time that samples may be late.
const stepMs = 10

// loadPause is the time between two requests of a client.
const loadPause = 20 * time.Millisecond

// load is one client that writes a counter which grows by 7 with every sample.
type load struct {
	tenant       string
	version      int   // of remote write, 1 or 2
	next         int64 // milliseconds
	count        int64
	sent         map[int64]int64 // count by time
	acknowledged map[int64]int64
}

func newLoad(tenant string, version int) *load {
	return &load{
		tenant: tenant, version: version, next: time.Now().Add(-time.Hour).UnixMilli(),
		sent: map[int64]int64{}, acknowledged: map[int64]int64{},
	}
}

// series is the counter over a few series, so that a request touches all shards.
func (l *load) series(samples []ingest.Sample) []ingesttest.Series {
	var all []ingesttest.Series
	for pod := range loadPods {
		all = append(all, ingesttest.Series{
			Labels:  []string{"__name__", "fn_requests_total", "pod", fmt.Sprint(pod), "service", "fn"},
			Samples: samples,
		})
	}
	return all
}

// run writes until the server is gone. What was not acknowledged is sent again
// in the next life, as a sender would.
func (l *load) run(s *server, gone <-chan struct{}) {
	for {
		select {
		case <-gone:
			return
		case <-time.After(loadPause):
		}
		var samples []ingest.Sample
		for i := range int64(3) {
			samples = append(samples, ingest.Sample{T: l.next + i*stepMs, V: float64(l.count + i*7)})
			l.sent[l.next+i*stepMs] = l.count + i*7
		}
		if !l.push(s, samples) {
			return
		}
		for _, sample := range samples {
			l.acknowledged[sample.T] = int64(sample.V)
		}
		l.next += int64(len(samples)) * stepMs
		l.count += int64(len(samples)) * 7
	}
}

// push writes the samples and reports whether they were acknowledged.
func (l *load) push(s *server, samples []ingest.Sample) bool {
	body, kind := ingesttest.EncodeSnappy(l.series(samples)...), "application/x-protobuf"
	if l.version == 2 {
		body, kind = ingesttest.EncodeSnappy2(l.series(samples)...), ingesttest.ContentType2
	}
	a, ok := s.do(http.MethodPost, "/api/v1/write", body, "X-Scope-OrgID", l.tenant,
		"Content-Type", kind, "Content-Encoding", "snappy")
	if ok && a.status != http.StatusNoContent {
		s.t.Errorf("%s: remote write %d answers %d %s", l.tenant, l.version, a.status, a.body)
	}
	return ok && a.status == http.StatusNoContent
}

// loadPods is over how many series a load is.
const loadPods = 8

// check compares what is stored, and what was counted, with what was sent.
func (l *load) check(s *server) {
	s.t.Helper()
	// A request that was cut off may have reached some of its series alone, so
	// every series counts to its own last sample.
	want := int64(0)
	for pod := range loadPods {
		stored := l.stored(s, pod)
		last := int64(0)
		for at, n := range stored {
			if sent, ok := l.sent[at]; !ok || sent != n {
				s.t.Errorf("%s pod %d: %d at %d was stored and never sent", l.tenant, pod, n, at)
			}
			last = max(last, n)
		}
		want += last
		lost := 0
		for at := range l.acknowledged {
			if _, ok := stored[at]; !ok {
				lost++
			}
		}
		if lost > 0 {
			s.t.Errorf("%s pod %d: %d of %d acknowledged samples are lost",
				l.tenant, pod, lost, len(l.acknowledged))
		}
	}
	if counted := s.invocations(l.tenant, "5m")["fn"]; counted != want {
		s.t.Errorf("%s: %d invocations were counted, the samples show %d", l.tenant, counted, want)
	}
}

// stored returns the samples of a series, by their time in milliseconds.
func (l *load) stored(s *server, pod int) map[int64]int64 {
	s.t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	query := url.Values{"query": {fmt.Sprintf(`fn_requests_total{tenant=%q,pod="%d"}[3h]`, l.tenant, pod)}}
	s.get("/api/v1/query?"+query.Encode(), &answer)
	if len(answer.Data.Result) != 1 {
		s.t.Fatalf("%s pod %d: %d series are stored, want 1", l.tenant, pod, len(answer.Data.Result))
	}
	stored := map[int64]int64{}
	for _, v := range answer.Data.Result[0].Values {
		n, err := strconv.ParseInt(v[1].(string), 10, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		stored[int64(v[0].(float64)*1000+0.5)] = n
	}
	return stored
}
