package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestInvokeSleepsAsOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := httptest.NewRecorder()
		invoke(w, httptest.NewRequest("GET", "/invoke?sleep_ms=60000&mem_mb=1", nil))
		if took := time.Since(start); took != time.Minute {
			t.Errorf("slept %s, want 1m0s", took)
		}
		want := `{"sleep_ms":60000,"mem_mb":1,"cpu_spin_ms":0}` + "\n"
		if w.Code != 200 || w.Body.String() != want {
			t.Errorf("answer is %d %q, want 200 %q", w.Code, w.Body, want)
		}
	})
}

func TestInvokeRefusesABadOrder(t *testing.T) {
	w := httptest.NewRecorder()
	invoke(w, httptest.NewRequest("GET", "/invoke?mem_mb=1e3", nil))
	want := `mem_mb: "1e3" is not a whole number from 0 to 512` + "\n"
	if w.Code != 400 || w.Body.String() != want {
		t.Errorf("answer is %d %q, want 400 %q", w.Code, w.Body, want)
	}
}

// An invocation whose caller left stops at once and does not pretend success.
func TestInvokeStopsWithItsCaller(t *testing.T) {
	f := func(query string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			start := time.Now()
			w := httptest.NewRecorder()
			invoke(w, httptest.NewRequestWithContext(ctx, "GET", "/invoke?"+query, nil))
			if took := time.Since(start); took != 0 || w.Code != 503 {
				t.Errorf("%s answered %d after %s, want 503 at once", query, w.Code, took)
			}
		})
	}
	f("sleep_ms=60000")
	f("cpu_spin_ms=10000")
}

func TestSpinTakesTheTimeItWasGiven(t *testing.T) {
	start := time.Now()
	if err := spin(t.Context(), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("spun for %s, want 20ms or more", took)
	}
}

func TestHoldTouchesEveryPage(t *testing.T) {
	memory := hold(3)
	if len(memory) != 3<<20 {
		t.Fatalf("held %d bytes, want %d", len(memory), 3<<20)
	}
	for i := 0; i < len(memory); i += pageBytes {
		if memory[i] == 0 {
			t.Fatalf("page at byte %d was never written", i)
		}
	}
}
