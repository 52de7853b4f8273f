//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"invoq/internal/campaign"
	"invoq/internal/diskfault"
)

// resumeTime is within which samples and events are taken again once there is
// room.
const resumeTime = 30 * time.Second

// A disk that somebody else fills up, to the last byte and all at once: nothing
// that was acknowledged is lost, nothing panics, senders are told to come again,
// and it goes on by itself. The parts of the data folder each get a disk of
// their own, so that what stands on the others has to go on meanwhile.
func TestCampaignFullDisk(t *testing.T) {
	campaign.Begin(t)
	sizes := []int{64}
	if campaign.Long() {
		sizes = []int{64, 256}
	}
	for _, size := range sizes {
		floor := []string{"--disk-floor-mb", "8", "--disk-floor-percent", "0", "--queue-mb", "32"}
		f := func(name string, c fullDisk) {
			c.megabytes = size
			t.Run(fmt.Sprintf("%s/size=%d", name, size), c.run)
		}
		f("samples", fullDisk{dir: tsdbDir, args: floor, samplesStop: true})
		f("events", fullDisk{dir: queueDir, args: floor, eventsStop: true})
		f("database", fullDisk{dir: postgresDir, args: floor})
	}
}

// fullDisk fills the disk of one folder under a running server.
type fullDisk struct {
	dir       string
	megabytes int
	args      []string
	// What has to be refused while the disk is full; the rest has to go on.
	samplesStop, eventsStop bool
}

func (c fullDisk) run(t *testing.T) {
	hold := 4 * time.Second
	if campaign.Long() {
		hold = time.Minute // The store's housekeeping comes by within that time.
	}
	megabytes := c.megabytes
	if c.dir == postgresDir {
		megabytes *= 4 // An empty database takes a few dozen MB.
	}
	var memory *diskfault.Memory
	s := startOn(t, func(data string) {
		memory = diskfault.NewMemory(t, filepath.Join(data, c.dir), megabytes)
	}, c.args...)
	tapes := []*tape{newTape("first", false), newTape("second", false), newTape("late", true)}
	reels := []*reel{newReel("one"), newReel("two")}
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for _, p := range tapes {
		senders.Go(func() { p.run(s, stop) })
	}
	for _, r := range reels {
		senders.Go(func() { r.run(s, stop) })
	}
	<-time.After(2 * time.Second)
	memory.Fill()
	filled := time.Now()
	<-time.After(hold / 2)
	c.duringHold(t, s)
	<-time.After(hold / 2)
	memory.Free()
	freed := time.Now()
	samples, events := goesOn(t, s, tapes, reels, freed)
	<-time.After(time.Second)
	close(stop)
	senders.Wait()
	s.kill()
	log := s.log.String()
	s.run()
	for _, bad := range []string{"panic", "SIGSEGV", "goroutine "} {
		if strings.Contains(log, bad) {
			t.Errorf("the log has %q:\n%s", bad, log)
		}
	}
	c.check(t, s, tapes, reels)
	t.Logf("full for %s, samples taken again after %s, events after %s",
		freed.Sub(filled).Round(time.Second), samples.Round(time.Millisecond), events.Round(time.Millisecond))
}

// duringHold checks what the server says of itself while the disk is full.
func (c fullDisk) duringHold(t *testing.T, s *server) {
	t.Helper()
	a, ok := s.do(http.MethodGet, "/readyz", nil)
	want := http.StatusOK
	if c.samplesStop || c.eventsStop {
		want = http.StatusServiceUnavailable
	}
	if !ok || a.status != want && c.dir != postgresDir {
		t.Errorf("readiness %d %s", a.status, a.body)
	}
	if want != http.StatusOK && !strings.Contains(string(a.body), "disk") {
		t.Errorf("readiness does not say why: %s", a.body)
	}
	if want != http.StatusOK && !strings.Contains(s.log.String(), " do=") {
		t.Error("the log does not say what to do")
	}
}

// goesOn waits until samples and events are taken again and returns how long
// that took.
func goesOn(t *testing.T, s *server, tapes []*tape, reels []*reel, freed time.Time) (samples, events time.Duration) {
	t.Helper()
	pending := func() bool {
		samples, events = 0, 0
		for _, p := range tapes {
			_, at := p.acknowledged()
			samples = max(samples, at.Sub(freed))
			if at.Before(freed) {
				return true
			}
		}
		for _, r := range reels {
			_, at := r.acknowledged()
			events = max(events, at.Sub(freed))
			if at.Before(freed) {
				return true
			}
		}
		a, ok := s.do(http.MethodGet, "/readyz", nil)
		return !ok || a.status != http.StatusOK
	}
	for pending() {
		if time.Since(freed) > resumeTime {
			a, _ := s.do(http.MethodGet, "/readyz", nil)
			t.Fatalf("not all is taken again after %s: %d %s\n%s", resumeTime, a.status, a.body, s.log)
		}
		<-time.After(20 * time.Millisecond)
	}
	return samples, events
}

// check holds what is stored against what was acknowledged, and how senders were
// refused against what they understand.
func (c fullDisk) check(t *testing.T, s *server, tapes []*tape, reels []*reel) {
	t.Helper()
	refused := func(name string, statuses map[int]int, silent int, expected bool) {
		t.Helper()
		if expected != (len(statuses) > 0) || silent > 0 {
			t.Errorf("%s was refused with %v, %d times without Retry-After", name, statuses, silent)
		}
		for _, status := range slices.Collect(maps.Keys(statuses)) {
			if status != http.StatusServiceUnavailable && status != http.StatusInsufficientStorage {
				t.Errorf("%s was refused with %d", name, status)
			}
		}
	}
	for _, p := range tapes {
		if lost := p.lost(t, s); lost > 0 || p.next < 100 {
			t.Errorf("%s: %d samples are lost of %d", p.tenant, lost, p.next*tapeSeries)
		}
		refused(p.tenant, p.refusals, p.withoutRetry, c.samplesStop)
	}
	want := 0
	for _, r := range reels {
		want += r.next
		refused(r.name, r.refusals, r.withoutRetry, c.eventsStop)
	}
	// A batch that was refused may have been kept all the same.
	have := s.settledEntries(want)
	if have < want || have > want+perBatch*len(reels) {
		t.Errorf("the book has %d events, %d were acknowledged", have, want)
	}
}

// A server that is started on a full disk, or on one that it may not write to,
// harms nothing: it waits for room for a while, and starts when there is some.
func TestStartOnAFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	var memory *diskfault.Memory
	s := startOn(t, func(data string) {
		memory = diskfault.NewMemory(t, filepath.Join(data, tsdbDir), 64)
	}, "--disk-floor-mb", "8", "--disk-floor-percent", "0")
	p := newTape("acme", false)
	for range 20 {
		if status := p.send(s); status != http.StatusNoContent {
			t.Fatal(status)
		}
	}
	s.stop()
	memory.Fill()
	time.AfterFunc(3*time.Second, memory.Free)
	started := time.Now()
	s.run()
	if time.Since(started) < 3*time.Second {
		t.Error("it has started on a full disk")
	}
	if lost := p.lost(t, s); lost > 0 {
		t.Errorf("%d samples are lost", lost)
	}
}

// crash ends the server, which may have ended by itself.
func (s *server) crash() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	<-s.ended
	s.cmd = nil
}
