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
	"syscall"
	"testing"
	"time"

	"invoq/internal/campaign"
)

// More requests than the server can take, at the pace at which they arrive and
// not at that of its answers: it goes on taking nearly as many as it can, keeps
// its memory, and has recovered as soon as the crowd is gone.
func TestCampaignOverload(t *testing.T) {
	campaign.Begin(t)
	phase := 3 * time.Second
	if campaign.Long() {
		phase = 20 * time.Second
	}
	t.Setenv("GOMEMLIMIT", "768MiB")
	s := start(t)
	o := newOverload(s)
	o.warm()
	capacity := o.closed(phase / 2)
	peak, crowded := capacity, 0.0 // crowded is what is taken at five times
	for _, factor := range []float64{1, 2, 5} {
		crowded = o.phase(factor, capacity, phase)
		peak = max(peak, crowded)
	}
	gone := time.Now()
	for o.lanes[0].send() != http.StatusNoContent {
		<-time.After(10 * time.Millisecond)
	}
	recovered := time.Since(gone)
	peak = max(peak, o.closed(phase/2))
	t.Logf("recovered after %s; at most %.0f requests of %d samples a second were ever taken",
		recovered.Round(time.Millisecond), peak, laneSeries)
	// A short campaign runs beside other tests, and measures them.
	if campaign.Long() && crowded < 0.8*peak {
		t.Errorf("at five times the capacity %.0f are taken, of %.0f", crowded, peak)
	}
	if recovered > 10*time.Second {
		t.Errorf("it recovered after %s", recovered)
	}
	if most := s.mostMemory(); most > 1<<30 {
		t.Errorf("the server took %d MiB", most>>20)
	}
}

// phase sends so many times the capacity, and returns how many requests a second
// were taken.
func (o *overload) phase(factor, capacity float64, d time.Duration) float64 {
	t := o.s.t
	t.Helper()
	spent := senderTime(t)
	r := o.open(capacity*factor, d)
	t.Logf("%g×: %.0f/s offered, %.0f/s taken, 99 %% of them within %s, answers %v; "+
		"senders took %.2f processors, server at most %d MiB", factor, r.offered, r.goodput,
		r.p99.Round(time.Millisecond), r.statuses,
		(senderTime(t)-spent).Seconds()/d.Seconds(), o.s.mostMemory()>>20)
	if r.p99 > 5*time.Second {
		t.Errorf("%g×: 99 %% of what is taken takes %s", factor, r.p99)
	}
	if r.statuses[http.StatusNoContent]+r.statuses[http.StatusServiceUnavailable] != r.answers {
		t.Errorf("%g×: answers %v", factor, r.statuses)
	}
	return r.goodput
}

// overload is a fleet of hosts that send what they measure, each in order.
type overload struct {
	s     *server
	lanes []*lane
}

// How many hosts there are, and of how many series each sends a sample at once.
const (
	laneCount  = 500
	laneSeries = 500
)

func newOverload(s *server) *overload {
	o := &overload{s: s}
	for n := range laneCount {
		o.lanes = append(o.lanes, newLane(s, n))
	}
	return o
}

// busy is how many senders wait for their answers when the capacity is measured:
// each of them is many hosts in turn.
const busy = 32

// warm has every host's series known.
func (o *overload) warm() {
	var senders sync.WaitGroup
	for first := range busy {
		senders.Go(func() {
			for n := first; n < laneCount; n += busy {
				for o.lanes[n].send() == http.StatusServiceUnavailable {
				}
			}
		})
	}
	senders.Wait()
}

// closed returns how many requests a second are taken from senders who wait for
// their answers.
func (o *overload) closed(d time.Duration) float64 {
	var taken atomic.Int64
	var senders sync.WaitGroup
	started := time.Now()
	for first := range busy {
		senders.Go(func() {
			for n := first; time.Since(started) < d; n += busy {
				if n >= laneCount {
					n = first
				}
				if o.lanes[n].send() == http.StatusNoContent {
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
	offered, goodput float64 // sent and taken, a second
	p99              time.Duration
	answers          int
	statuses         map[int]int
}

// open sends requests at a rate, whether or not earlier ones are answered, each
// by a host that waits for no answer. It ends when all are answered.
func (o *overload) open(rate float64, d time.Duration) arrivals {
	var mu sync.Mutex
	r := arrivals{statuses: map[int]int{}}
	var took []time.Duration
	idle := make(chan *lane, laneCount)
	start := make(chan *lane, laneCount)
	var workers sync.WaitGroup
	for _, l := range o.lanes {
		idle <- l
		workers.Go(func() {
			for l := range start {
				due := time.Now()
				status := l.send()
				mu.Lock()
				r.answers++
				r.statuses[status]++
				if status == http.StatusNoContent {
					took = append(took, time.Since(due))
				}
				mu.Unlock()
				idle <- l
			}
		})
	}
	started := time.Now()
	for n := 0; ; n++ {
		due := started.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		if due.Sub(started) > d {
			break
		}
		if wait := time.Until(due); wait > time.Millisecond {
			<-time.After(wait)
		}
		start <- <-idle // With all hosts waiting, less than the rate is offered.
	}
	close(start)
	workers.Wait()
	seconds := time.Since(started).Seconds()
	slices.Sort(took)
	r.offered, r.goodput = float64(r.answers)/seconds, float64(len(took))/seconds
	if len(took) > 0 {
		r.p99 = took[len(took)*99/100]
	}
	return r
}

// senderTime returns how much processor time this process has used.
func senderTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
