//go:build linux

package queue

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"invoq"
	"invoq/internal/campaign"
	"invoq/internal/diskfault"
)

// The power goes out again and again under a queue that takes events, hands
// them over and forgets them: what it acknowledged is handed over, before or
// after. Without syncing something must be lost, else the test would see
// nothing. INVOQ_CUTS sets how often.
func TestCampaignPowerCut(t *testing.T) {
	campaign.Begin(t)
	cuts := campaign.Count(t, "INVOQ_CUTS", 3, 200)
	f := func(cuts int, env ...string) (acknowledged, lost int) {
		c := newCuts(t)
		for life := range cuts {
			c.live(life, env)
		}
		return c.reckon()
	}
	acknowledged, lost := f(cuts)
	t.Logf("%d cuts: %d events acknowledged, %d lost", cuts, acknowledged, lost)
	if lost > 0 || acknowledged < 10*cuts {
		t.Errorf("%d of %d events are lost", lost, acknowledged)
	}
	acknowledged, lost = f(1, loadUnsynced+"=1")
	t.Logf("without syncing: %d events acknowledged, %d lost", acknowledged, lost)
	if lost == 0 {
		t.Error("nothing is lost without syncing: the test is blind")
	}
}

// cuts is a disk under queues that live one after the other, and what they said.
type cuts struct {
	t     *testing.T
	power *diskfault.Power
	rng   *rand.Rand

	mu                   sync.Mutex
	dark                 bool // the power is being cut
	acknowledged, posted map[string]bool
}

func newCuts(t *testing.T) *cuts {
	return &cuts{
		t: t, power: diskfault.NewPower(t, t.TempDir(), 1024), rng: rand.New(rand.NewPCG(5, 5)),
		acknowledged: map[string]bool{}, posted: map[string]bool{},
	}
}

// live has a queue work until the power is cut.
func (c *cuts) live(life int, env []string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), loadDir+"="+c.power.Dir, fmt.Sprintf("%s=%d", loadLife, life))
	cmd.Env = append(cmd.Env, env...)
	said := &bytes.Buffer{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.darken(false)
	begun, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); c.listen(out, begun) }()
	select {
	case <-begun:
	case <-ended:
	}
	<-time.After(time.Duration(100+c.rng.IntN(1000)) * time.Millisecond)
	c.darken(true)
	c.power.Cut()
	if err := cmd.Process.Kill(); err != nil {
		c.t.Errorf("life %d: %v\n%s", life, err, said)
	}
	<-ended
	cmd.Wait() // It was killed, and says so.
	c.power.Restore()
}

func (c *cuts) darken(dark bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dark = dark
}

// listen notes what a queue says, and closes begun at its first word. What it
// acknowledges once the power is being cut does not count (diskfault.Power.Cut);
// what it posts does, being on another disk.
func (c *cuts) listen(r io.Reader, begun chan<- struct{}) {
	first := true
	for lines := bufio.NewScanner(r); lines.Scan(); {
		what, id, _ := strings.Cut(lines.Text(), " ")
		c.mu.Lock()
		switch {
		case what == wordPosted:
			c.posted[id] = true
		case what == wordAcknowledged && !c.dark:
			c.acknowledged[id] = true
		}
		c.mu.Unlock()
		if first {
			first = false
			close(begun)
		}
	}
}

// reckon returns how many events were acknowledged, and how many of those were
// posted neither before nor now.
func (c *cuts) reckon() (acknowledged, lost int) {
	c.t.Helper()
	q := openQueue(c.t, c.power.Dir)
	for _, e := range rest(c.t, q) {
		c.posted[e.RequestID] = true
	}
	if err := q.Close(); err != nil {
		c.t.Error(err)
	}
	for id := range c.acknowledged {
		if !c.posted[id] {
			lost++
		}
	}
	return len(c.acknowledged), lost
}

// rest returns all that is left in a queue.
func rest(t *testing.T, q *Queue) []invoq.Event {
	t.Helper()
	out := newSink(0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Drain(ctx, out.post) }()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		s, err := q.State(t.Context())
		if err == nil && s.Messages == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages are never handed over: %v", s.Messages, err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return out.got
}

// Variables that turn the test's binary into a queue under load.
const (
	loadDir      = "INVOQ_QUEUE_LOAD_DIR"
	loadLife     = "INVOQ_QUEUE_LOAD_LIFE"
	loadUnsynced = "INVOQ_QUEUE_LOAD_UNSYNCED"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(loadDir); dir != "" {
		fmt.Fprintln(os.Stderr, underLoad(dir, os.Getenv(loadLife)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// First words of what a queue under load says.
const (
	wordAcknowledged = "acknowledged"
	wordPosted       = "posted"
)

// postTime is how long the book takes, so that much is in the queue alone.
const postTime = 200 * time.Millisecond

// underLoad puts events into a queue and drains it until the process is killed,
// and says on standard output what is acknowledged and what is posted. An event
// is large, so that files are full soon and are written anew.
func underLoad(dir, life string) error {
	q, err := Open(context.Background(), Config{
		Dir: dir, MaxBytes: 256 << 20, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
		unsynced: os.Getenv(loadUnsynced) != "",
	})
	if err != nil {
		return err
	}
	var saying sync.Mutex
	say := func(word string, id ...string) {
		saying.Lock()
		defer saying.Unlock()
		fmt.Println(word, strings.Join(id, "\n"+word+" "))
	}
	for sender := range 4 {
		go func() {
			for n := 0; ; n++ {
				one := event(n)
				one.RequestID = fmt.Sprintf("%s-%d-%d", life, sender, n)
				one.Labels["path"] = strings.Repeat("x", 4000)
				if q.Put(context.Background(), []invoq.Event{one}) == nil {
					say(wordAcknowledged, one.RequestID)
				}
			}
		}()
	}
	return q.Drain(context.Background(), func(_ context.Context, es []invoq.Event) error {
		<-time.After(postTime)
		say(wordPosted, ids(es)...)
		return nil
	})
}
