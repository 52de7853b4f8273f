//go:build linux

package main

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"invoq/internal/campaign"
	"invoq/internal/diskfault"
)

// The power goes out again and again, on a disk that holds the time series, the
// queue and the database: what was acknowledged is there afterwards, in order or
// late. With syncing put off for an hour samples must be lost, else the test
// would see nothing. INVOQ_CUTS sets how often.
func TestCampaignPowerCut(t *testing.T) {
	campaign.Begin(t)
	cycles := campaign.Count(t, "INVOQ_CUTS", 3, 30)
	t.Run("synced", func(t *testing.T) {
		c := cutPower(t, cycles)
		if c.samplesLost > 0 || c.eventsLost > 0 {
			t.Errorf("%d samples and %d events are lost", c.samplesLost, c.eventsLost)
		}
		if c.readyWith != "" {
			t.Errorf("after a power cut the server is not ready: %s", c.readyWith)
		}
	})
	t.Run("control", func(t *testing.T) {
		if c := cutPower(t, 1, "--durability", "async:1h"); c.samplesLost == 0 {
			t.Error("nothing is lost without syncing: the test is blind")
		}
	})
}

// afterCuts is what a number of power cuts left.
type afterCuts struct {
	samplesLost int64
	eventsLost  int
	readyWith   string
}

func cutPower(t *testing.T, cycles int, args ...string) (c afterCuts) {
	t.Helper()
	var power *diskfault.Power
	s := startOn(t, func(data string) {
		power = diskfault.NewPower(t, data, 2048)
	}, args...)
	tapes := []*tape{newTape("first", false), newTape("second", false), newTape("late", true), newTape("later", true)}
	reels := []*reel{newReel("one"), newReel("two")}
	rng := rand.New(rand.NewPCG(4, 4))
	for range cycles {
		stop := make(chan struct{})
		var senders sync.WaitGroup
		for _, p := range tapes {
			p.darken(false)
			senders.Go(func() { p.run(s, stop) })
		}
		for _, r := range reels {
			r.darken(false)
			senders.Go(func() { r.run(s, stop) })
		}
		most := 3000
		if campaign.Long() {
			most = 15000
		}
		<-time.After(time.Second + time.Duration(rng.IntN(most))*time.Millisecond)
		for _, p := range tapes {
			p.darken(true)
		}
		for _, r := range reels {
			r.darken(true)
		}
		power.Cut()
		close(stop)
		s.crash()
		senders.Wait()
		power.Restore()
		s.run()
		if a, _ := s.do("GET", "/readyz", nil); a.status != 200 {
			c.readyWith = string(a.body)
		}
	}
	samples, events := int64(0), 0
	for _, p := range tapes {
		samples += p.next * tapeSeries
		c.samplesLost += p.lost(t, s)
	}
	for _, r := range reels {
		events += r.next
	}
	if samples < int64(1000*cycles) || events < 100*cycles {
		t.Errorf("only %d samples and %d events were acknowledged", samples, events)
	}
	c.eventsLost = max(0, events-s.settledEntries(events))
	t.Logf("%d cuts: %d samples and %d events acknowledged, %d and %d lost",
		cycles, samples, events, c.samplesLost, c.eventsLost)
	return c
}

// settledEntries waits a while for so many entries of the book and returns how
// many there are.
func (s *server) settledEntries(want int) int {
	s.t.Helper()
	have := s.entries()
	for deadline := time.Now().Add(time.Minute); have < want && time.Now().Before(deadline); have = s.entries() {
		<-time.After(100 * time.Millisecond)
	}
	return have
}
