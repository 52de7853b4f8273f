package billing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"invoq"
	"invoq/billing"
	"invoq/ledger"
)

// timed measures how long a rater takes.
type timed struct {
	ledger.Rater
	spent   *time.Duration
	entries *int
}

func (r timed) Rate(
	ctx context.Context, at int64, entries []ledger.Entry, tenants map[invoq.TenantID]invoq.TenantName,
) error {
	started := time.Now()
	err := r.Rater.Rate(ctx, at, entries, tenants)
	*r.spent += time.Since(started)
	*r.entries += len(entries)
	return err
}

// BenchmarkRater posts 10,000 events of 20 tenants to a real database, by the
// catalogue alone and with plans.
func BenchmarkRater(b *testing.B) {
	d := invoq.MustDecimal
	perUnit := invoq.Rate{Meter: invoq.AITokens, Price: d("0.002"), Per: d("1000")}
	free := perUnit
	free.FreePerMonth = d("100000")
	graduated := invoq.Rate{Meter: invoq.AITokens, Kind: invoq.RateGraduated, Tiers: []invoq.Tier{
		{UpTo: d("100000"), Price: d("0.003")}, {From: d("100000"), Price: d("0.002")},
	}}
	for _, c := range []struct {
		name  string
		rates []invoq.Rate
	}{
		{"catalogue", nil}, {"none", nil}, {"per_unit", []invoq.Rate{perUnit}}, {"free_tier", []invoq.Rate{free}},
		{"graduated", []invoq.Rate{graduated}},
	} {
		b.Run("plan="+c.name, func(b *testing.B) {
			k := openTill(b)
			k.catalogue()
			if c.rates != nil {
				k.newPlanOf("USD", c.rates...)
			}
			var rater ledger.Rater = billing.NewRater(k.db, k.costs, time.Now)
			if c.name == "catalogue" {
				rater = billing.ByCatalogue{Costs: k.costs}
			}
			benchmarkRater(b, k, rater)
		})
	}
}

func benchmarkRater(b *testing.B, k *till, rater ledger.Rater) {
	var spent time.Duration
	var entries int
	book, err := ledger.Open(b.Context(), ledger.Config{
		Store: k.db, Rater: timed{rater, &spent, &entries}, Folder: k.folder, Name: "test/ledger",
		Log: quiet, Now: time.Now,
	})
	k.must(err)
	defer book.Close(b.Context())
	batch := make([]invoq.Event, ledger.MaxPosting)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i := range batch {
			at := noon.Add(time.Duration(i) * time.Second)
			batch[i] = k.event(fmt.Sprintf("tenant-%d", i%20), invoq.AITokens, "chat", "123", at)
		}
		b.StartTimer()
		_, err := book.Post(b.Context(), batch)
		k.must(err)
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(entries), "rating-ns/entry")
}
