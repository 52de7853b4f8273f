package exact_test

import (
	"maps"
	"testing"
	"time"

	"invoq"
	"invoq/ingest/ingesttest"
	"invoq/internal/fleetsim"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

// A fleet of 2,500 pods that come, go, restart and miss scrapes: every window
// shows what the scrapes in it show, and every request that some scrape saw is
// counted once.
func TestComputeFleet(t *testing.T) {
	s := tsdbtest.Open(t)
	fleet := fleetsim.New(fleetsim.Config{
		Seed: 7, Pods: 2500, Services: 20,
		Start: tsdbtest.Start, Length: 6 * time.Hour, Scrape: 15 * time.Second,
	})
	end := tsdbtest.Start
	err := fleet.Run(func(at time.Time, series []ingesttest.Series) error {
		tsdbtest.Write(t, s, "acme", series...)
		end = at
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := computeAll(
		t,
		s,
		invoq.Interval{Start: tsdbtest.Start, End: invoq.Window5m.Ceil(end.Add(time.Minute))},
	)

	counted := map[string]invoq.Decimal{}
	windows := map[string]map[time.Time]invoq.Decimal{}
	for _, r := range rows {
		counted[r.Service] = counted[r.Service].Add(r.Invocations)
		if windows[r.Service] == nil {
			windows[r.Service] = map[time.Time]invoq.Decimal{}
		}
		windows[r.Service][r.Start] = windows[r.Service][r.Start].Add(r.Invocations)
	}
	for service, served := range fleet.Served() {
		want := invoq.NewDecimal(served-fleet.Unseen()[service], 0)
		if counted[service].Cmp(want) != 0 {
			t.Errorf("%s: counted %s of %s", service, counted[service], want)
		}
		for start, got := range windows[service] {
			seen := invoq.NewDecimal(fleet.Seen(service, start, start.Add(5*time.Minute)), 0)
			if got.Cmp(seen) != 0 {
				t.Errorf("%s at %s: counted %s, scrapes show %s", service, start, got, seen)
			}
		}
	}
}

// computeAll counts in runs of two hours, as the aggregation does.
func computeAll(t testing.TB, s exact.Samples, i invoq.Interval) []invoq.Usage {
	t.Helper()
	var rows []invoq.Usage
	sources := map[invoq.ServiceKey]exact.Source{}
	for at := i.Start; at.Before(i.End); at = at.Add(2 * time.Hour) {
		run := invoq.Interval{Start: at, End: at.Add(2 * time.Hour)}
		if run.End.After(i.End) {
			run.End = i.End
		}
		res, err := exact.Compute(t.Context(), s, profiles, exact.Request{
			Interval: run, Sources: sources, Watched: map[invoq.TenantName]int64{"acme": i.Start.UnixMilli()},
		})
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, res.Rows...)
		maps.Copy(sources, res.Sources)
	}
	return rows
}
