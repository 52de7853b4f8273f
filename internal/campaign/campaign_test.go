package campaign

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func item(id, quantity string) Item { return Item{ID: id, Hash: "hash of " + id, Quantity: quantity} }

// The reckoning names every way in which a store can be wrong, and no other.
func TestReckon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := NewJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	send := func(status int, items ...Item) {
		t.Helper()
		batch, err := j.Sending(items)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Answered(batch, status); err != nil {
			t.Fatal(err)
		}
	}
	send(http.StatusAccepted, item("a", "0.1"), item("b", "0.20"))
	send(0, item("c", "0.4"), item("d", "0.8")) // no answer
	send(http.StatusServiceUnavailable, item("e", "1.6"))
	send(http.StatusOK, item("e", "1.6")) // and sent again
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	record, err := Read(path, func(status int) bool { return status/100 == 2 })
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, ok bool, stored ...Item) {
		t.Helper()
		k, err := record.Reckon(stored)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, k.String()); diff != "" || k.OK() != ok {
			t.Errorf("ok %t: %s", k.OK(), diff)
		}
	}
	a, b, c, e := item("a", "0.1"), item("b", "0.2"), item("c", "0.4"), item("e", "1.6")
	f("3 acknowledged, 2 unknown (1 of them stored), 0 lost, 0 doubled, 0 alien, 0 altered, "+
		"quantities 2.3 of 2.3", true, e, c, b, a)
	f("3 acknowledged, 2 unknown (0 of them stored), 1 lost, 0 doubled, 0 alien, 0 altered, "+
		"quantities 1.7 of 1.7", false, a, e)
	f("3 acknowledged, 2 unknown (0 of them stored), 0 lost, 1 doubled, 0 alien, 0 altered, "+
		"quantities 2 of 1.9", false, a, a, b, e)
	f("3 acknowledged, 2 unknown (0 of them stored), 0 lost, 0 doubled, 1 alien, 0 altered, "+
		"quantities 2.9 of 1.9", false, a, b, e, item("x", "1"))
	f("3 acknowledged, 2 unknown (0 of them stored), 0 lost, 0 doubled, 0 alien, 1 altered, "+
		"quantities 2.1 of 1.9", false, a, b, item("e", "1.8"))
}

// A client that says two things under one id proves nothing.
func TestReadRefusesAChangedItem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := NewJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, quantity := range []string{"1", "2"} {
		if _, err := j.Sending([]Item{item("a", quantity)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Read(path, func(int) bool { return true }); err == nil {
		t.Error("the journal was read")
	}
}

// Nearest rank: of 1 to 200 the 99th percentile is 198.
func TestPercentile(t *testing.T) {
	var times []time.Duration
	for n := 200; n > 0; n-- {
		times = append(times, time.Duration(n))
	}
	f := func(share float64, want time.Duration) {
		t.Helper()
		if got := Percentile(times, share); got != want {
			t.Errorf("%v: %d, want %d", share, got, want)
		}
	}
	f(0.5, 100)
	f(0.99, 198)
	f(1, 200)
	if got := Percentile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestCount(t *testing.T) {
	f := func(variable, campaign string, want int) {
		t.Helper()
		t.Setenv("INVOQ_TEST_COUNT", variable)
		t.Setenv("INVOQ_CAMPAIGN", campaign)
		if got := Count(t, "INVOQ_TEST_COUNT", 3, 200); got != want {
			t.Errorf("%q, %q: %d, want %d", variable, campaign, got, want)
		}
	}
	f("", "", 3)
	f("", "1", 200)
	f("17", "", 17)
	f("17", "1", 17)
}

// A child that works is found below us, while it lives and when it has ended.
func TestCPU(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("this machine has no /proc")
	}
	_, before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; read x")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	used := func() time.Duration {
		t.Helper()
		_, below, err := CPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return below - before
	}
	for used() < 2*tick {
		<-time.After(time.Millisecond)
	}
	alive := used()
	stdin.Close()
	_ = cmd.Wait() // read has failed: that is how it is ended.
	if dead := used(); dead < alive {
		t.Errorf("%s were used, %s when it had ended", alive, dead)
	}
	if _, _, err := CPU(1 << 30); err == nil {
		t.Error("a process that is not there has used CPU time")
	}
}
