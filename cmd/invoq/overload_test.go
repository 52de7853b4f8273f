//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// More requests than the server can take, at the pace at which they arrive and
// not at that of its answers: it goes on taking nearly as many as it can, keeps
// its memory, and has recovered as soon as the crowd is gone.
func TestCampaignOverload(t *testing.T) {
	if !long() {
		t.Skip("a campaign: make campaign")
	}
	const phase = 20 * time.Second
	t.Setenv("GOMEMLIMIT", "768MiB")
	s := start(t)
	o := &overload{s: s, client: &http.Client{Timeout: 30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 4096, MaxConnsPerHost: 3500}}}
	o.closed(5 * time.Second) // Warm: series are known from here on.
	capacity := o.closed(10 * time.Second)
	t.Logf("capacity: %.0f requests of %d samples a second", capacity, overloadSamples)
	peak := 0.0
	for _, factor := range []float64{1, 2, 5} {
		r := o.open(capacity*factor, phase)
		peak = max(peak, r.goodput)
		t.Logf("%g×: goodput %.0f/s (%.0f %% of the peak), p99 of accepted %s, answers %v, most memory %d MiB",
			factor, r.goodput, 100*r.goodput/peak, r.p99.Round(time.Millisecond), r.statuses, s.mostMemory()>>20)
		if factor == 5 && r.goodput < 0.8*peak {
			t.Errorf("at five times the capacity %.0f/s are taken, of %.0f", r.goodput, peak)
		}
	}
	gone := time.Now()
	for status, took := 0, time.Hour; status != http.StatusNoContent || took > time.Second; {
		sent := time.Now()
		status = o.send()
		took = time.Since(sent)
	}
	t.Logf("recovered after %s", time.Since(gone).Round(time.Millisecond))
	if time.Since(gone) > 10*time.Second {
		t.Error("that is too long")
	}
	if most := s.mostMemory(); most > 1<<30 {
		t.Errorf("the server took %d MiB", most>>20)
	}
}

// overloadSamples is how many samples a request has, of as many series.
const overloadSamples = 500

// overload sends scrapes of one fleet.
type overload struct {
	s      *server
	client *http.Client
	round  atomic.Int64
}

// body returns a scrape that nobody has sent yet, of one of 20 hosts.
func (o *overload) body() []byte {
	n := o.round.Add(1)
	at := time.Now().Add(-90*time.Minute).UnixMilli() + n/20*100
	all := make([]ingesttest.Series, overloadSamples)
	for i := range all {
		all[i] = ingesttest.Series{
			Labels:  []string{"__name__", "load_requests_total", "host", fmt.Sprint(n % 20), "pod", fmt.Sprint(i)},
			Samples: []ingest.Sample{{T: at, V: float64(n)}},
		}
	}
	return ingesttest.EncodeSnappy(all...)
}

// send sends one scrape and returns the status, 0 for none.
func (o *overload) send() int { return o.post(o.body()) }

func (o *overload) post(body []byte) int {
	req, err := http.NewRequest(http.MethodPost, o.s.url+"/api/v1/write", strings.NewReader(string(body)))
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+o.s.key)
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	res, err := o.client.Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// closed returns how many requests a second are taken from eight senders who
// wait for their answers.
func (o *overload) closed(d time.Duration) float64 {
	bodies := make([][]byte, 3000)
	for i := range bodies {
		bodies[i] = o.body()
	}
	var next, taken atomic.Int64
	var senders sync.WaitGroup
	started := time.Now()
	for range 8 {
		senders.Go(func() {
			for time.Since(started) < d {
				i := next.Add(1) - 1
				if i >= int64(len(bodies)) {
					return
				}
				if o.post(bodies[i]) == http.StatusNoContent {
					taken.Add(1)
				}
			}
		})
	}
	senders.Wait()
	return float64(taken.Load()) / time.Since(started).Seconds()
}

// arrivals is what became of requests that arrived at a rate of their own.
type arrivals struct {
	goodput  float64 // accepted a second
	p99      time.Duration
	statuses map[int]int
}

// open sends requests at a rate, whether or not earlier ones are answered.
func (o *overload) open(rate float64, d time.Duration) arrivals {
	bodies := make([][]byte, int(rate*d.Seconds()))
	for i := range bodies {
		bodies[i] = o.body()
	}
	var mu sync.Mutex
	r := arrivals{statuses: map[int]int{}}
	var took []time.Duration
	var last time.Time
	var all sync.WaitGroup
	started := time.Now()
	for i, body := range bodies {
		due := started.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		<-time.After(time.Until(due))
		all.Go(func() {
			status := o.post(body)
			mu.Lock()
			defer mu.Unlock()
			r.statuses[status]++
			if status == http.StatusNoContent {
				took = append(took, time.Since(due))
				last = time.Now()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	if len(took) > 0 {
		r.goodput = float64(len(took)) / max(d, last.Sub(started)).Seconds()
		r.p99 = took[len(took)*99/100]
	}
	return r
}

// mostMemory returns the most memory that the server ever held, in bytes.
func (s *server) mostMemory() int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return kilobytes << 10
}
