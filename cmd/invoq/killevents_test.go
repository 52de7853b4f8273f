package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// kill -9 in a loop while events come in: each one that was acknowledged is in
// the book, each once, those of functions in their windows too, and the book
// verifies. INVOQ_KILLS sets how often.
func TestKillWhileEventsComeIn(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs servers for some seconds")
	}
	kills := 10
	if n, err := strconv.Atoi(os.Getenv("INVOQ_KILLS")); err == nil {
		kills = n
	}
	s := start(t)
	tellers := make([]*teller, 4)
	for i := range tellers {
		tellers[i] = &teller{name: fmt.Sprint("teller-", i)}
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for range kills {
		var clients sync.WaitGroup
		gone := make(chan struct{})
		for _, x := range tellers {
			clients.Go(func() { x.run(t, s, gone) })
		}
		<-time.After(time.Duration(200+rng.IntN(600)) * time.Millisecond)
		s.kill()
		close(gone)
		clients.Wait()
		s.run()
	}
	// What was not acknowledged is sent again, as a teller would.
	want := 0
	for _, x := range tellers {
		if !x.send(t, s) {
			t.Fatalf("%s is not answered", x.name)
		}
		want += x.next
	}
	s.waitForEntries(want)
	for _, size := range []string{"5m", "1h", "1d"} {
		if told := s.told(size); told != want/2 {
			t.Errorf("windows of %s have %d invocations, want %d: each event once", size, told, want/2)
		}
	}
	s.stop()
	report := s.verifyBook()
	if report.Entries != want {
		t.Errorf("the book has %d entries, want %d: each event once", report.Entries, want)
	}
	t.Logf("%d kills, %d events, %d batches, %d heads", kills, want, report.Batches, report.Heads)
	if want < 100*kills {
		t.Errorf("only %d events in %d lives: the test proves nothing", want, kills)
	}
}

// teller sends batches of events, the same again until it is acknowledged.
type teller struct {
	name string
	next int // the first event that is not acknowledged
}

const (
	// perTelling is how many events a teller sends at once, half of them of
	// functions.
	perTelling = 20
	// killEpoch is when the first was used, in seconds since 1970.
	killEpoch = 1780000000
)

// told returns how many invocations the windows of a size have.
func (s *server) told(size string) int {
	s.t.Helper()
	from := time.Unix(killEpoch, 0).UTC().AddDate(0, 0, -1)
	a, ok := s.do(http.MethodGet, fmt.Sprintf("/api/v1/usage?window=%s&limit=1000&start=%s&end=%s", size,
		from.Format(time.RFC3339), from.AddDate(0, 1, 0).Format(time.RFC3339)), nil)
	var page struct {
		Items []struct{ Invocations string }
		Next  string
	}
	if err := json.Unmarshal(a.body, &page); !ok || err != nil || page.Next != "" {
		s.t.Fatalf("usage: %d %s: %v", a.status, a.body, err)
	}
	sum := 0
	for _, u := range page.Items {
		n, err := strconv.Atoi(u.Invocations)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func (x *teller) run(t *testing.T, s *server, gone chan struct{}) {
	for {
		select {
		case <-gone:
			return
		default:
			if !x.send(t, s) {
				return
			}
		}
	}
}

// send sends the next batch and reports whether the server has answered.
func (x *teller) send(t *testing.T, s *server) bool {
	var batch []map[string]any
	for n := x.next; n < x.next+perTelling; n++ {
		event := map[string]any{
			"tenant_id": x.name, "userId": fmt.Sprint("user-", n%7), "requestId": fmt.Sprint(x.name, "-", n),
			"timestamp": time.Unix(killEpoch+int64(n), 0).UTC().Format(time.RFC3339),
		}
		if n%2 == 0 {
			event["resourceType"], event["service"], event["quantity"] = "API_REQUEST", "api", json.Number("0.1")
		} else {
			event["service_name"], event["invocations"] = "waiter", 1
		}
		batch = append(batch, event)
	}
	body, err := json.Marshal(batch)
	if err != nil {
		t.Error(err)
		return false
	}
	a, ok := s.do(http.MethodPost, "/api/v1/usage", body, "Content-Type", "application/json")
	if !ok {
		return false
	}
	if a.status != http.StatusAccepted && a.status != http.StatusOK {
		t.Errorf("%s: %d %s", x.name, a.status, a.body)
		return false
	}
	x.next += perTelling
	return true
}
