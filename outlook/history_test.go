package outlook

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/postgres"
	"invoq/pricing"
)

// point is a window of hours before the start of the forecasts.
func point(from time.Time, back int, service invoq.ServiceID, calls float64) postgres.SeriesPoint {
	return postgres.SeriesPoint{
		Start: from.Add(-time.Duration(back) * time.Hour), Service: service, Values: [6]float64{0: calls},
	}
}

// Windows that are not there are zeros, but not before the first one.
func TestHistory(t *testing.T) {
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	h := newHistory(horizons[1], from, []postgres.SeriesPoint{
		point(from, 5, "a", 1), point(from, 3, "a", 2), point(from, 3, "b", 10), point(from, 1, "a", 3),
	})
	got := map[invoq.ServiceID][]float64{}
	for id, u := range h.services {
		got[id] = u[0]
	}
	want := map[invoq.ServiceID][]float64{
		everything: {1, 0, 12, 0, 3}, "a": {1, 0, 2, 0, 3}, "b": {10, 0, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The scale is the mean step between totals of whole periods, counted from the
// end: here 7 + 8, 5 + 6 and 3 + 4, of which each is 4 from the next.
func TestScale(t *testing.T) {
	f := func(want float64, steps int, values ...float64) {
		t.Helper()
		if got := scale(values, steps); got != want {
			t.Errorf("scale(%v, %d) = %g, want %g", values, steps, got, want)
		}
	}
	f(4, 2, 1, 3, 4, 5, 6, 7, 8)
	f(0, 2, 1, 2, 3)
	f(0, 1, 5, 5, 5)
	f(0, 3)
	f(2, 1, 1, 2, 5)
}

// Beyond twenty services the smallest are one, and nothing is lost.
func TestJoinSmall(t *testing.T) {
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var points []postgres.SeriesPoint
	services := map[invoq.ServiceID]*pricing.Source{}
	for i := range 105 {
		id := invoq.ServiceID(fmt.Sprintf("s%03d", i))
		points = append(points, point(from, 200-i, id, float64(i+1)))
		services[id] = &pricing.Source{Service: string(id)}
	}
	q := question{history: newHistory(horizons[1], from, points), services: services}
	q.joinSmall()
	var kept, sum float64
	for id := range q.services {
		for _, v := range q.history.services[id][0] {
			sum += v
		}
		if id != others {
			kept++
		}
	}
	if len(q.services) != maxServices || kept != maxServices-1 || sum != 105*106/2 || len(q.warnings) != 1 {
		t.Errorf("%d services, %g of them apart, %g calls, warnings %v", len(q.services), kept, sum, q.warnings)
	}
	rest := q.history.services[others][0]
	// Each was used once, an hour after the one before: 86 of 105 are small.
	if rest[0] != 1 || rest[85] != 86 || rest[86] != 0 {
		t.Errorf("the rest is %v", rest)
	}
}
