package queue

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"invoq"
	"invoq/internal/fuzzing"
)

func openQueue(t testing.TB, dir string, change ...func(*Config)) *Queue {
	t.Helper()
	cfg := Config{
		Dir: dir, MaxBytes: 256 << 20, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	}
	for _, f := range change {
		f(&cfg)
	}
	q, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func event(n int) invoq.Event {
	return invoq.Event{
		Tenant: "acme", RequestID: fmt.Sprintf("req-%d", n), User: "ann", Provider: "openai",
		Service: "chat", Time: time.UnixMicro(1767225600000000 + int64(n)).UTC(),
		ReceivedAt: time.UnixMicro(1767225700000000).UTC(),
		Measures:   []invoq.Measure{{Meter: invoq.AITokens, Quantity: invoq.NewDecimal(int64(n), -1)}},
		Labels:     map[string]string{"model": "gpt-4"},
	}
}

func events(from, to int) []invoq.Event {
	var all []invoq.Event
	for n := from; n < to; n++ {
		all = append(all, event(n))
	}
	return all
}

// sink takes what is drained, once it has been told to.
type sink struct {
	mu    sync.Mutex
	got   []invoq.Event
	fail  int // how many postings fail first
	grown chan int
}

func newSink(fail int) *sink { return &sink{fail: fail, grown: make(chan int, 10000)} }

func (s *sink) post(_ context.Context, es []invoq.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		return errors.New("the database is down")
	}
	s.got = append(s.got, es...)
	s.grown <- len(s.got)
	return nil
}

// drainUntil drains until the sink has n events, and longer by whatever the
// queue takes to forget them.
func drainUntil(t *testing.T, q *Queue, s *sink, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Drain(ctx, s.post) }()
	deadline := time.After(20 * time.Second)
	for have := 0; have < n; {
		select {
		case have = <-s.grown:
		case <-deadline:
			t.Fatalf("drained %d of %d events", have, n)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func ids(es []invoq.Event) []string {
	var all []string
	for _, e := range es {
		all = append(all, e.RequestID)
	}
	return all
}

func TestPutAndDrain(t *testing.T) {
	q := openQueue(t, t.TempDir())
	want := events(0, 1000)
	for at := 0; at < len(want); at += 100 {
		if err := q.Put(t.Context(), want[at:at+100]); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := q.State(t.Context()); err != nil || s.Messages == 0 || s.Oldest.IsZero() {
		t.Errorf("the queue holds %+v: %v", s, err)
	}
	out := newSink(2) // The first two attempts fail: nothing may be lost or doubled.
	drainUntil(t, q, out, 1000)
	if diff := cmp.Diff(want, out.got); diff != "" {
		t.Fatal(diff)
	}
	if s, err := q.State(t.Context()); err != nil || s.Messages != 0 {
		t.Errorf("after it was drained the queue holds %+v: %v", s, err)
	}
}

// What was acknowledged is there after the process has ended, in its order;
// what was posted is not.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir)
	if err := q.Put(t.Context(), events(0, 10)); err != nil {
		t.Fatal(err)
	}
	out := newSink(0)
	drainUntil(t, q, out, 10)
	for at := 10; at < 30; at += 5 {
		if err := q.Put(t.Context(), events(at, at+5)); err != nil {
			t.Fatal(err)
		}
	}
	q.Close()
	if err := q.Put(t.Context(), events(0, 1)); invoq.KindOf(err) != invoq.KindUnavailable {
		t.Errorf("put into a closed queue: %v", err)
	}
	q = openQueue(t, dir)
	out = newSink(0)
	drainUntil(t, q, out, 20)
	if diff := cmp.Diff(ids(events(10, 30)), ids(out.got)); diff != "" {
		t.Fatal(diff)
	}
}

// Requests that arrive together share messages and are all there, each once.
func TestManyPutTogether(t *testing.T) {
	q := openQueue(t, t.TempDir())
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if err := q.Put(t.Context(), events(10*i, 10*i+10)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s, err := q.State(t.Context())
	if err != nil || s.Messages >= 200 {
		t.Errorf("200 requests made %d messages: %v", s.Messages, err)
	}
	out := newSink(0)
	drainUntil(t, q, out, 2000)
	seen := map[string]bool{}
	for _, id := range ids(out.got) {
		seen[id] = true
	}
	if len(seen) != 2000 || len(out.got) != 2000 {
		t.Errorf("%d events, %d of them different, want 2000", len(out.got), len(seen))
	}
}

// A request larger than a message is split and comes out whole.
func TestLargeRequest(t *testing.T) {
	q := openQueue(t, t.TempDir())
	want := events(0, 10_000)
	for i := range want {
		want[i].Labels = map[string]string{"path": strings.Repeat("x", 100)}
	}
	if err := q.Put(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if s, err := q.State(t.Context()); err != nil || s.Messages < 2 {
		t.Errorf("the request is in %d messages: %v", s.Messages, err)
	}
	out := newSink(0)
	drainUntil(t, q, out, len(want))
	if diff := cmp.Diff(ids(want), ids(out.got)); diff != "" {
		t.Fatal(diff)
	}
}

// A queue that is full says so and loses nothing of what it took.
func TestFull(t *testing.T) {
	q := openQueue(t, t.TempDir(), func(c *Config) { c.MaxBytes = 1 << 20 })
	taken := 0
	for ; taken < 1000; taken++ {
		err := q.Put(t.Context(), events(100*taken, 100*taken+100))
		if err == nil {
			continue
		}
		var e *invoq.Error
		if !errors.As(err, &e) || e.Kind != invoq.KindUnavailable || e.RetryAfter != retryFull {
			t.Fatalf("a full queue says %v", err)
		}
		break
	}
	if taken == 0 || taken == 1000 {
		t.Fatalf("the queue took %d requests", taken)
	}
	out := newSink(0)
	drainUntil(t, q, out, 100*taken)
	if diff := cmp.Diff(ids(events(0, 100*taken)), ids(out.got)); diff != "" {
		t.Fatal(diff)
	}
	if err := q.Put(t.Context(), events(0, 100)); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

// A message that nobody can read is put aside and does not stop the others.
func TestUnreadableMessage(t *testing.T) {
	q := openQueue(t, t.TempDir())
	for _, step := range []func() error{
		func() error { return q.Put(t.Context(), events(0, 1)) },
		func() error { _, err := q.link.Load().js.Publish(t.Context(), subject, []byte("\x01\xff")); return err },
		func() error { return q.Put(t.Context(), events(1, 2)) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	out := newSink(0)
	drainUntil(t, q, out, 2)
	if diff := cmp.Diff([]string{"req-0", "req-1"}, ids(out.got)); diff != "" {
		t.Error(diff)
	}
	if n := q.meters.dead.Get(); n != 1 {
		t.Errorf("%d messages were put aside, want 1", n)
	}
}

// An outside consumer gets every event beside the book, and events wait for it
// until it has acknowledged them.
func TestPop(t *testing.T) {
	q := openQueue(t, t.TempDir())
	if err := q.Put(t.Context(), events(0, 5)); err != nil {
		t.Fatal(err)
	}
	first, err := q.Pop(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(events(0, 5), first.Events); diff != "" {
		t.Fatal(diff)
	}
	drainUntil(t, q, newSink(0), 5)
	if s, err := q.State(t.Context()); err != nil || s.Messages != 1 {
		t.Errorf("before the acknowledgement the queue holds %+v: %v", s, err)
	}
	if again, err := q.Pop(t.Context(), 10); err != nil || len(again.Events) != 0 {
		t.Errorf("popped events are handed out twice: %v, %v", ids(again.Events), err)
	}
	if err := q.Ack(t.Context(), first.Receipts); err != nil {
		t.Fatal(err)
	}
	if err := q.Put(t.Context(), events(5, 6)); err != nil {
		t.Fatal(err)
	}
	drainUntil(t, q, newSink(0), 1)
	s, err := q.State(t.Context())
	if err != nil || s.Messages != 1 {
		t.Errorf("the queue holds %+v, want the message that is not acknowledged: %v", s, err)
	}
}

// A queue that is full of posted events has room again when its consumer has
// acknowledged them, though nothing new can come before.
func TestFullUntilPopped(t *testing.T) {
	q := openQueue(t, t.TempDir(), func(c *Config) { c.MaxBytes = 1 << 20 })
	if _, err := q.Pop(t.Context(), 1); err != nil { // Makes the consumer.
		t.Fatal(err)
	}
	taken := 0
	for q.Put(t.Context(), events(100*taken, 100*taken+100)) == nil {
		taken++
	}
	out := newSink(0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Drain(ctx, out.post) }()
	defer func() { cancel(); <-ended }()
	for <-out.grown < 100*taken {
	}
	pause(t.Context(), 3*purgeEvery) // Forgetting was tried, and nothing could be.
	popped := 0
	for popped < 100*taken {
		p, err := q.Pop(t.Context(), MaxPop)
		if err != nil {
			t.Fatal(err)
		}
		popped += len(p.Events)
		if err := q.Ack(t.Context(), p.Receipts); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for err := error(nil); ; pause(t.Context(), 10*time.Millisecond) {
		if err = q.Put(t.Context(), events(0, 100)); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the queue has no room after everything was posted and popped: %v", err)
		}
	}
}

// A message that nobody can read does not stop the consumer either.
func TestPopUnreadableMessage(t *testing.T) {
	q := openQueue(t, t.TempDir())
	if _, err := q.link.Load().js.Publish(t.Context(), subject, []byte("\x01\xff")); err != nil {
		t.Fatal(err)
	}
	if err := q.Put(t.Context(), events(0, 1)); err != nil {
		t.Fatal(err)
	}
	p, err := q.Pop(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"req-0"}, ids(p.Events)); diff != "" || len(p.Receipts) != 1 {
		t.Errorf("%d receipts\n%s", len(p.Receipts), diff)
	}
	if err := q.Ack(t.Context(), p.Receipts); err != nil {
		t.Fatal(err)
	}
	if floor, popping := q.popFloor(t.Context()); floor != 2 || !popping {
		t.Errorf("the consumer holds events from %d on, want none", floor)
	}
}

func TestReceiptsAreChecked(t *testing.T) {
	q := openQueue(t, t.TempDir())
	f := func(subject string) {
		t.Helper()
		receipt := base64.RawURLEncoding.EncodeToString([]byte(subject))
		err := q.Ack(t.Context(), []string{receipt})
		if invoq.KindOf(err) != invoq.KindUnprocessable {
			t.Errorf("subject %q is acknowledged: %v", subject, err)
		}
	}
	f("")
	f("invoq.events")
	f("$JS.API.STREAM.DELETE.INVOQ_EVENTS")
	f("$JS.ACK.OTHER.pop.1.1.1.1.0")
	f("$JS.ACK.INVOQ_EVENTS.pop.>")
	if err := q.Ack(t.Context(), []string{"~"}); invoq.KindOf(err) != invoq.KindUnprocessable {
		t.Errorf("what is no base64 is acknowledged: %v", err)
	}
}

// What is encoded is read back; what is cut short is refused and never panics.
func TestCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zé\\"]{0,20}`)
		e := event(rapid.IntRange(-5, 1<<40).Draw(t, "n"))
		e.User, e.Service, e.Corrects = text.Draw(t, "user"), text.Draw(t, "service"), text.Draw(t, "id")
		e.Labels = rapid.MapOfN(text, text, 1, 4).Draw(t, "labels")
		one := appendEvent([]byte{codecVersion}, &e)
		message := appendEvent(slices.Clip(one), &e)
		got, err := decode(nil, message)
		if diff := cmp.Diff([]invoq.Event{e, e}, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
		cut := rapid.IntRange(0, len(message)-1).Draw(t, "cut")
		whole := cut == 1 || cut == len(one) // No event, or one.
		if _, err := decode(nil, message[:cut]); (err == nil) != whole {
			t.Fatalf("a message cut after %d of %d bytes: %v", cut, len(message), err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	e := event(1)
	f.Add(appendEvent([]byte{codecVersion}, &e))
	f.Add([]byte{codecVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add(append([]byte{codecVersion}, make([]byte, 100_000)...)) // Events of nothing.
	bounds := fuzzing.Default()
	// An event of nothing has 13 bytes and takes 300 in memory. Messages are our
	// own; only damage makes such of them.
	bounds.PerByte = 48
	f.Fuzz(func(t *testing.T, message []byte) {
		var got []invoq.Event
		var err error
		bounds.Hold(t, len(message), func() { got, err = decode(nil, message) })
		if err != nil {
			return
		}
		if len(got)*9 > len(message) {
			t.Fatalf("%d bytes are %d events", len(message), len(got))
		}
		again := []byte{codecVersion}
		for i := range got {
			again = appendEvent(again, &got[i])
		}
		same, err := decode(nil, again)
		if diff := cmp.Diff(got, same); err != nil || diff != "" {
			t.Fatalf("written again: %v\n%s", err, diff)
		}
	})
}
