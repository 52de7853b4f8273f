package pricing_test

import (
	"fmt"
	"time"

	"invoq"
	"invoq/pricing"
)

func ExamplePrice() {
	plan := invoq.Plan{Name: "pro", Currency: "USD", Rates: []invoq.Rate{{
		Meter:        invoq.Invocations,
		FreePerMonth: invoq.MustDecimal("1e6"),
		Price:        invoq.MustDecimal("0.20"),
		Per:          invoq.MustDecimal("1e6"),
	}}}
	january := pricing.NewMonth(2026, time.January, time.UTC)
	usage := []pricing.Item{
		{
			Interval: invoq.Interval{Start: january.Start, End: january.Start.Add(time.Hour)},
			Source:   &pricing.Source{Namespace: "prod", Service: "waiter"},
			Meter:    invoq.Invocations,
			Quantity: invoq.MustDecimal("2000000"),
		},
		{
			Interval: invoq.Interval{Start: january.Start, End: january.Start.Add(time.Hour)},
			Meter:    invoq.ColdStarts,
			Quantity: invoq.MustDecimal("3"),
		},
	}
	st, err := pricing.Price(plan, january, usage)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range st.Lines {
		fmt.Println(line.Month, line.Rate, line.Billable, "billable:", line.Amount.Fixed(2), st.Currency)
	}
	for _, u := range st.Unpriced {
		fmt.Println("unpriced:", u.Quantity, u.Meter, "("+u.Reason+")")
	}
	// Output:
	// 2026-01 invocations 1000000 billable: 0.20 USD
	// unpriced: 3 cold_starts (no rate)
}

// A period that begins inside a month needs the month's usage before it, too.
func ExamplePeriod_UsageFrom() {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		fmt.Println(err)
		return
	}
	p := pricing.NewMonth(2026, time.March, kolkata)
	p.Start = time.Date(2026, 3, 15, 0, 0, 0, 0, kolkata)
	fmt.Println(p.UsageFrom().Format(time.RFC3339))
	// Output: 2026-02-28T18:30:00Z
}

func ExampleParsePlan() {
	_, err := pricing.ParsePlan([]byte(`{"name": "pro", "currency": "USD", "rates": [
		{"meter": "mb_ms", "kind": "graduated", "tiers": [
			{"up_to": "5", "price": "2"},
			{"from": "4", "price": "1"}]}]}`))
	fmt.Println(invoq.KindOf(err), invoq.MessageOf(err))
	// Output: unprocessable rates[0].tiers[1].from: 4 overlaps the tier before, which ends at 5
}

func ExampleSimulate() {
	var plans []invoq.Plan
	for _, name := range []string{"aws-lambda-x86", "aws-lambda-arm64", "azure-functions-consumption"} {
		plan, err := pricing.Preset(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		plans = append(plans, plan)
	}
	january := pricing.NewMonth(2026, time.January, time.UTC)
	calls := &pricing.Calls{Count: invoq.MustDecimal("3e6"), DurationMs: invoq.MustDecimal("120"),
		MemoryMB: invoq.MustDecimal("1500")}
	at := invoq.Interval{Start: january.Start}
	s, err := pricing.Simulate(plans, january, []pricing.Item{
		{Interval: at, Meter: invoq.Invocations, Quantity: calls.Count},
		{Interval: at, Meter: invoq.MBMs, Quantity: invoq.MustDecimal("540e9"), Calls: calls},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range s.Results {
		fmt.Println(r.Plan, r.Statement.Total.Fixed(2), r.Difference.Fixed(2))
	}
	for _, row := range s.Rows {
		fmt.Println(row.Meter, row.Amounts[0].Fixed(2), row.Amounts[1].Fixed(2), row.Amounts[2].Fixed(2))
	}
	// Output:
	// aws-lambda-x86 2.52 0.00
	// aws-lambda-arm64 2.10 -0.42
	// azure-functions-consumption 2.64 0.12
	// invocations 0.40 0.40 0.40
	// mb_ms 2.12 1.70 2.24
}

func ExampleExplain() {
	line := invoq.BillLine{
		Rate: "requests", Kind: invoq.LineUsage, Meter: invoq.Invocations, Month: "2026-01",
		Quantity: invoq.MustDecimal("2000000"), Free: invoq.MustDecimal("1e6"), Billable: invoq.MustDecimal("1e6"),
		Exact: invoq.MustDecimal("0.2"), Amount: invoq.MustDecimal("0.2"),
		Steps: []invoq.LineStep{{Quantity: invoq.MustDecimal("1e6"), Price: invoq.MustDecimal("0.0000002"),
			Amount: invoq.MustDecimal("0.2")}},
		Inputs: []invoq.LineInput{{Namespace: "prod", Service: "waiter", Quantity: invoq.MustDecimal("2000000")}},
	}
	for _, text := range pricing.Explain(line, "USD") {
		fmt.Println(text)
	}
	// Output:
	// requests usage, 2026-01: 0.20 USD
	//   2000000 invocations, 1000000 free, 1000000 billable
	//   used by prod/waiter: 2000000
	//   1000000 × 0.0000002 = 0.2
	//   0.2, rounded to 0.20
}

func ExampleAllocate() {
	thirds := []invoq.Decimal{invoq.NewDecimal(1, 0), invoq.NewDecimal(1, 0), invoq.NewDecimal(1, 0)}
	fmt.Println(pricing.Allocate(invoq.MustDecimal("1.00"), thirds, 2))
	// Output: [0.34 0.33 0.33]
}

// What came in after a bill was issued goes on a later one as differences.
func ExampleDifferences() {
	plan := invoq.Plan{Name: "pro", Currency: "USD", Rates: []invoq.Rate{
		{Meter: invoq.Invocations, FreePerMonth: invoq.MustDecimal("1000"), Price: invoq.MustDecimal("0.01")}}}
	january := pricing.NewMonth(2026, time.January, time.UTC)
	used := func(quantity string) pricing.Item {
		return pricing.Item{Interval: invoq.Interval{Start: january.Start}, Meter: invoq.Invocations,
			Quantity: invoq.MustDecimal(quantity)}
	}
	issued, err := pricing.Price(plan, january, []pricing.Item{used("900")})
	if err != nil {
		fmt.Println(err)
		return
	}
	right, err := pricing.Price(plan, january, []pricing.Item{used("900"), used("250")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range pricing.Differences(issued, right) {
		fmt.Println(l.Month, l.Rate, l.Quantity, "more,", l.Free, "of them free:", l.Amount.Fixed(2))
	}
	// Output: 2026-01 invocations 250 more, 100 of them free: 1.50
}

// Azure Functions counts a call of 27.55 ms at 160 MB as 100 ms at 256 MB.
func ExampleRoundCall() {
	plan, err := pricing.Preset("azure-functions-consumption")
	if err != nil {
		fmt.Println(err)
		return
	}
	rate, _ := plan.Rate(invoq.MBMs)
	c := pricing.RoundCall(rate.Round, pricing.Calls{Count: invoq.MustDecimal("1"),
		DurationMs: invoq.MustDecimal("27.55"), MemoryMB: invoq.MustDecimal("160")})
	mbMs, _ := c.Quantity(invoq.MBMs)
	fmt.Println(c.DurationMs, "ms,", c.MemoryMB, "MB:", mbMs, "MB·ms")
	// Output: 100 ms, 256 MB: 25600 MB·ms
}

// Usage may be summed up to the next cut before it is priced.
func ExampleSheet_Cuts() {
	sheet, err := pricing.Compile(invoq.Plan{Name: "night", Currency: "USD", Rates: []invoq.Rate{{
		Meter: invoq.Invocations, Kind: invoq.RateTimeOfDay, Price: invoq.MustDecimal("2"),
		Windows: []invoq.PriceWindow{
			{Name: "night", From: "22:00", To: "06:00", Price: invoq.MustDecimal("1")}}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	day := pricing.NewMonth(2026, time.January, time.UTC)
	day.End = day.Start.AddDate(0, 0, 1)
	cuts, err := sheet.Cuts(day)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, at := range cuts {
		fmt.Println(at.Format(time.RFC3339))
	}
	// Output:
	// 2026-01-01T00:00:00Z
	// 2026-01-01T06:00:00Z
	// 2026-01-01T22:00:00Z
	// 2026-01-02T00:00:00Z
}

// A month that fills says what each usage adds to it. What it added is taken
// back by the opposite.
func ExampleSheet_Running() {
	sheet, err := pricing.Compile(invoq.Plan{Name: "pro", Currency: "USD", Rates: []invoq.Rate{{
		Meter: invoq.Invocations, FreePerMonth: invoq.NewDecimal(100, 0), Price: invoq.MustDecimal("0.5"),
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	month, err := sheet.Running(pricing.NewMonth(2026, time.March, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, quantity := range []int64{90, 20, -20} {
		item := pricing.Item{Meter: invoq.Invocations, Quantity: invoq.NewDecimal(quantity, 0)}
		item.Start = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
		added, err := month.Add(item)
		fmt.Println(quantity, "adds", added.Amount, err)
	}
	// Output:
	// 90 adds 0 <nil>
	// 20 adds 5 <nil>
	// -20 adds -5 <nil>
}
