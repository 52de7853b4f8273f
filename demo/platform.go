package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"invoq"
)

// The simulated platform: an AI and API product whose users belong to a few
// tenants. Nobody in it exists, and its prices are nobody's.
const (
	platformName    = "simulated-assistant"
	platformTenants = 6
	platformSeed    = 1
)

// costItem is a line of the owner's cost catalogue.
type costItem struct {
	meter             invoq.Meter
	provider, service string // empty: any
	cost, per         string // what per units cost; per empty: 1
	model, factor     string // model empty: no price is known
	midMonth          bool   // takes effect in the middle of the last full month
}

// costItems has all four models, a cost that falls, a preview without a price,
// and nothing on what payments cost.
var costItems = []costItem{
	{meter: invoq.AITokens, provider: "provider-a", service: "chat-large", cost: "12", per: "1000000",
		model: "MARKUP", factor: "1.4"},
	{meter: invoq.AITokens, provider: "provider-a", service: "chat-large", cost: "10", per: "1000000",
		model: "MARKUP", factor: "1.6", midMonth: true},
	{meter: invoq.AITokens, provider: "provider-b", service: "chat-small", cost: "0.8", per: "1000000",
		model: "MARKUP", factor: "2"},
	{meter: invoq.AITokens, provider: "provider-b", service: "embed", cost: "0.1", per: "1000000",
		model: "SUBSIDIZED", factor: "0.5"},
	{meter: invoq.AITokens, provider: "provider-c", service: "preview", cost: "6", per: "1000000"},
	{meter: invoq.APIRequest, cost: "0.0004", model: "MARKUP", factor: "2.5"},
	{meter: invoq.StorageMB, cost: "0.00002", model: "SUBSIDIZED", factor: "0.4"},
	{meter: invoq.ComputeSeconds, cost: "0.00008", model: "FIXED"},
	{meter: invoq.BandwidthMB, cost: "0.00009", model: "FREE"},
}

// catalogueCSV is the catalogue as a server takes it.
func catalogueCSV(middle time.Time) string {
	var b strings.Builder
	b.WriteString("resource,provider,service,cost,per,model,factor,from\n")
	for _, i := range costItems {
		from := ""
		if i.midMonth {
			from = middle.Format(time.DateOnly)
		}
		fmt.Fprintln(&b, strings.Join([]string{
			string(i.meter), i.provider, i.service, i.cost, i.per, i.model, i.factor, from,
		}, ","))
	}
	return b.String()
}

// activity is what a kind of user does, and how much of it at a time.
type activity struct {
	meter             invoq.Meter
	provider, service string
	perDay            float64 // how often on a working day, by a user of size 1
	quantity          float64 // the median of one time, by a user of size 1
}

// kinds are the kinds of users, by how many of a hundred they are.
var kinds = []struct {
	share int
	does  []activity
}{
	{55, []activity{ // They chat.
		{invoq.AITokens, "provider-a", "chat-large", 2.5, 9_000},
		{invoq.AITokens, "provider-b", "chat-small", 3, 14_000},
		{invoq.APIRequest, "gateway", "chat", 1.5, 40},
	}},
	{22, []activity{ // They build on the API.
		{invoq.APIRequest, "gateway", "api", 4, 350},
		{invoq.AITokens, "provider-b", "embed", 2, 180_000},
		{invoq.BandwidthMB, "edge", "delivery", 1, 300},
	}},
	{10, []activity{ // They run batches, which their package has paid.
		{invoq.ComputeSeconds, "cluster", "batch", 2, 4_500},
		{invoq.AITokens, "provider-b", "chat-small", 1, 60_000},
		{invoq.APIRequest, "gateway", "batch", 1, 60},
	}},
	{10, []activity{ // They store, below cost.
		{invoq.StorageMB, "disk", "archive", 1, 60_000},
		{invoq.APIRequest, "gateway", "files", 1, 120},
		{invoq.BandwidthMB, "edge", "delivery", 2, 900},
	}},
	{3, []activity{ // They try what has no price yet.
		{invoq.AITokens, "provider-c", "preview", 2, 20_000},
		{invoq.PaymentTx, "payments", "checkout", 1, 1},
		{invoq.APIRequest, "gateway", "chat", 1, 40},
	}},
}

// platformUser is a user who does not exist.
type platformUser struct {
	name, tenant string
	does         []activity
	// size is how much of everything the user does: of many little, of few a lot.
	size float64
	rng  *rand.Rand
}

// platformUsers returns users 1 to n. Their randomness is their own, so that a
// user does the same whoever else is there.
func platformUsers(n int) []*platformUser {
	all := make([]*platformUser, n)
	for i := range all {
		rng := rand.New(rand.NewPCG(platformSeed, uint64(i+1)))
		u := &platformUser{
			name:   fmt.Sprintf("user-%03d", i+1),
			tenant: fmt.Sprintf("simulated-tenant-%d", i%platformTenants+1),
			// The logarithm of sizes is normal: a tenth of the users make the most.
			size: math.Min(math.Exp(1.3*rng.NormFloat64()), 40),
			rng:  rng,
		}
		pick := rng.IntN(100)
		for _, k := range kinds {
			if u.does = k.does; pick < k.share {
				break
			}
			pick -= k.share
		}
		all[i] = u
	}
	return all
}

// weekdays is how busy days are, from Sunday.
var weekdays = [7]float64{0.3, 1, 1.05, 1.1, 1.05, 0.9, 0.35}

// usageEvent is an event as the server takes it.
type usageEvent struct {
	Tenant    string      `json:"tenant_id"`
	User      string      `json:"userId"`
	Platform  string      `json:"platformId"`
	Resource  invoq.Meter `json:"resourceType"`
	Provider  string      `json:"provider"`
	Service   string      `json:"service"`
	Quantity  int64       `json:"quantity"`
	RequestID string      `json:"requestId"`
	Time      time.Time   `json:"timestamp"`
}

// day returns what the user did on a day, in no order, but nothing after until.
func (u *platformUser) day(day, until time.Time) []usageEvent {
	var all []usageEvent
	for i, a := range u.does {
		// Large users do more at a time and do it more often.
		mean := a.perDay * weekdays[day.Weekday()] * math.Min(math.Sqrt(u.size), 4)
		n := int(mean + u.rng.Float64()) // The mean, on average.
		for k := range n {
			amount := a.quantity * math.Sqrt(u.size) * math.Exp(0.6*u.rng.NormFloat64())
			// Most of it between 7 and 21 o'clock: the mean of two uniform hours.
			hour := 7 + 7*(u.rng.Float64()+u.rng.Float64())
			at := day.Add(time.Duration(hour * float64(time.Hour))).Truncate(time.Second)
			if a.meter == invoq.PaymentTx {
				amount = 1
			}
			if at.After(until) {
				continue
			}
			all = append(all, usageEvent{
				Tenant: u.tenant, User: u.name, Platform: platformName, Resource: a.meter,
				Provider: a.provider, Service: a.service, Quantity: max(int64(amount), 1), Time: at,
				RequestID: fmt.Sprintf("simulated-%s-%s-%d-%d", u.name, day.Format("060102"), i, k),
			})
		}
	}
	return all
}

// platformUsage returns what the users did from the start of a day on, day by
// day.
func platformUsage(users []*platformUser, from, until time.Time) []usageEvent {
	var all []usageEvent
	for day := from; day.Before(until); day = day.AddDate(0, 0, 1) {
		for _, u := range users {
			all = append(all, u.day(day, until)...)
		}
	}
	return all
}
