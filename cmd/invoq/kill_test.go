package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// kill -9 in a loop under load: no acknowledged sample is lost, none is stored
// that was not sent, and no window is counted twice. INVOQ_KILLS sets how often.
func TestKillUnderLoad(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 3
	}
	if n, err := strconv.Atoi(os.Getenv("INVOQ_KILLS")); err == nil {
		kills = n
	}
	s := start(t)
	loads := make([]*load, 4)
	for i := range loads {
		loads[i] = newLoad(i)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range kills {
		var clients sync.WaitGroup
		gone := make(chan struct{})
		for _, l := range loads {
			clients.Go(func() { l.run(s, gone) })
		}
		// Some kills fall into a run of the aggregation.
		clients.Go(func() { s.do(http.MethodPost, "/api/v1/metrics/aggregate", nil) })
		<-time.After(time.Duration(200+rng.IntN(800)) * time.Millisecond)
		s.kill()
		close(gone)
		clients.Wait()
		s.run()
	}
	s.post("/api/v1/metrics/aggregate", nil, nil)
	acknowledged := 0
	for _, l := range loads {
		acknowledged += len(l.acknowledged)
		l.check(t, s)
	}
	t.Logf("%d kills, %d requests acknowledged", kills, acknowledged)
	if acknowledged < kills {
		t.Errorf("only %d requests were acknowledged in %d lives: the test proves nothing", acknowledged, kills)
	}
}

// stepMs is the time between two samples, short so that hundreds of lives fit
// into the time that samples may be late.
const stepMs = 10

// load is one client that writes a counter which grows by 7 with every sample.
type load struct {
	tenant       string
	next         int64 // milliseconds
	count        int64
	sent         map[int64]int64 // count by time
	acknowledged map[int64]int64
}

func newLoad(i int) *load {
	return &load{
		tenant: fmt.Sprintf("tenant-%d", i), next: time.Now().Add(-time.Hour).UnixMilli(),
		sent: map[int64]int64{}, acknowledged: map[int64]int64{},
	}
}

// series is the counter over a few series, so that a request touches all shards.
func (l *load) series(samples []ingest.Sample) []ingesttest.Series {
	var all []ingesttest.Series
	for pod := range 8 {
		all = append(all, ingesttest.Series{
			Labels:  []string{"__name__", "fn_requests_total", "pod", fmt.Sprint(pod), "service", "fn"},
			Samples: samples,
		})
	}
	return all
}

// run writes until the server is gone. What was not acknowledged is sent again
// in the next life, as a sender would.
func (l *load) run(s *server, gone chan struct{}) {
	for {
		select {
		case <-gone:
			return
		default:
		}
		var samples []ingest.Sample
		for i := range int64(3) {
			samples = append(samples, ingest.Sample{T: l.next + i*stepMs, V: float64(l.count + i*7)})
			l.sent[l.next+i*stepMs] = l.count + i*7
		}
		if s.push(l.tenant, ingesttest.EncodeSnappy(l.series(samples)...)) != http.StatusNoContent {
			return
		}
		for _, sample := range samples {
			l.acknowledged[sample.T] = int64(sample.V)
		}
		l.next += int64(len(samples)) * stepMs
		l.count += int64(len(samples)) * 7
	}
}

// check compares what is stored, and what was counted, with what was sent.
func (l *load) check(t *testing.T, s *server) {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	query := url.Values{"query": {`fn_requests_total{tenant="` + l.tenant + `"}[2h]`}}
	s.get("/api/v1/query?"+query.Encode(), &answer)
	if len(answer.Data.Result) != 8 {
		t.Errorf("%s: %d series are stored, want 8", l.tenant, len(answer.Data.Result))
	}
	// A request that was cut off may have reached some of its series alone, so
	// every series counts to its own last sample.
	want := int64(0)
	for _, series := range answer.Data.Result {
		stored, last := map[int64]int64{}, int64(0)
		for _, v := range series.Values {
			at := int64(v[0].(float64)*1000 + 0.5)
			n, err := strconv.ParseInt(v[1].(string), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if sent, ok := l.sent[at]; !ok || sent != n {
				t.Errorf("%s: %d at %d was stored and never sent", l.tenant, n, at)
			}
			stored[at] = n
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
			t.Errorf("%s pod %s: %d of %d acknowledged samples are lost",
				l.tenant, series.Metric["pod"], lost, len(l.acknowledged))
		}
	}
	counted := s.invocations(l.tenant, "5m")["fn"]
	if counted != want {
		t.Errorf("%s: %d invocations were counted, the samples show %d", l.tenant, counted, want)
	}
}
