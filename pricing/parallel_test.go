package pricing_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq/pricing"
)

// TestSheetParallel prices bills on one sheet at the same time; with -race it
// shows that they share nothing that is written.
func TestSheetParallel(t *testing.T) {
	plan, err := pricing.ParsePlan([]byte(everyKind))
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := pricing.Compile(plan)
	if err != nil {
		t.Fatal(err)
	}
	usage := everyUsage()
	bills := make([]string, 8)
	var wg sync.WaitGroup
	for i := range bills {
		wg.Go(func() {
			st, err := sheet.Price(pricing.NewMonth(2026, time.January, time.UTC), usage)
			if err != nil {
				t.Error(err)
			}
			b, err := json.Marshal(st)
			if err != nil {
				t.Error(err)
			}
			bills[i] = string(b)
		})
	}
	wg.Wait()
	for _, b := range bills[1:] {
		if diff := cmp.Diff(bills[0], b); diff != "" {
			t.Errorf("bills differ (-first +other):\n%s", diff)
		}
	}
}
