package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"runtime"
	"time"

	"invoq/examples/internal/function"
)

func main() {
	os.Exit(function.Main(function.Function{Name: "waiter", Route: "/invoke", Invoke: invoke}))
}

// invoke does the work that the query orders and says what it did.
func invoke(w http.ResponseWriter, r *http.Request) {
	order, err := parseWork(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := order.do(r.Context()); err != nil {
		http.Error(w, "the invocation was cut short", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(order) // A client that left hears nothing.
}

// do holds the memory while it spins and then sleeps. It ends early, with an
// error, when the context does.
func (o work) do(ctx context.Context) error {
	memory := hold(o.MemMB)
	defer runtime.KeepAlive(memory)
	if err := spin(ctx, time.Duration(o.CPUSpinMs)*time.Millisecond); err != nil {
		return err
	}
	return sleep(ctx, time.Duration(o.SleepMs)*time.Millisecond)
}

// pageBytes is no larger than the page of any machine this runs on.
const pageBytes = 4096

// hold returns memory of the given size in units of 2^20 bytes. It writes to
// every page, since the system gives out no page that nobody touched.
func hold(mb int) []byte {
	memory := make([]byte, mb<<20)
	for i := 0; i < len(memory); i += pageBytes {
		memory[i] = 1
	}
	return memory
}

// spin burns one core for the duration.
func spin(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
