package pricing

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"invoq"
)

// ratePlan wraps the JSON of rates into a plan.
func ratePlan(rates string) []byte {
	return []byte(`{"name":"p","currency":"USD","rates":[` + rates + `]}`)
}

// readsAgain writes a plan as JSON, reads that, and writes the same again.
func readsAgain(t testing.TB, plan invoq.Plan) {
	t.Helper()
	first, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParsePlan(first)
	if err != nil {
		t.Errorf("read again: %v\n%s", err, first)
		return
	}
	if second, err := json.Marshal(again); err != nil || string(second) != string(first) {
		t.Errorf("written again it is %s, first %s", second, first)
	}
}

// TestValidateAccepts: what each kind looks like at its fullest, and what
// stands at the edge of a rule. All of it reads the same again.
func TestValidateAccepts(t *testing.T) {
	f := func(rates string) {
		t.Helper()
		plan, err := ParsePlan(ratePlan(rates))
		if err != nil {
			t.Errorf("%s: %v", rates, err)
			return
		}
		readsAgain(t, plan)
	}
	f(`{"meter":"errors","price":0}`)
	f(`{"meter":"errors","kind":"per_unit","price":"1","per":"0.5","free_per_month":1,"free_pool":"p",
		"where":{"services":["a"],"namespaces":["n"],"tags":{"k":""}},"minimum_per_month":3,
		"discounts":[{"above":0,"off":0.1},{"above":5,"off":1}],"spot_off":0.99,
		"source":{"url":"https://example.org","read":"2026-01-01","note":"n"}}`)
	f(`{"meter":"mb_ms","price":1,"round":{"duration_step_ms":1,"duration_min_ms":100,"memory_step_mb":128,
		"memory_min_mb":128,"memory_max_mb":1536}}`)
	f(`{"meter":"cpu_ms","price":1,"round":{"duration_step_ms":1}}`)
	f(`{"meter":"duration_ms","price":1,"round":{"duration_step_ms":1}}`)
	f(`{"meter":"errors","kind":"package","price":1,"per":3}`)
	f(`{"meter":"errors","kind":"graduated","tiers":[{"price":0}]}`)
	f(`{"meter":"errors","kind":"volume","per":1000,"tiers":[{"up_to":1,"price":2},{"from":1,"price":1}]}`)
	f(`{"meter":"errors","kind":"time_of_day","price":0,"windows":[{"name":"n","from":"23:59","to":"00:00","price":1},
		{"name":"m","days":["mon"],"from":"00:00","to":"23:59","price":1}]}`)
	f(`{"meter":"errors","kind":"reserved","price":0,"committed":1,"overage":"0.000001"}`)
	f(`{"name":"fee","kind":"flat","price":0},{"meter":"errors","kind":"FIXED","included_in":"fee"}`)
	for _, p := range []string{"day", "second", "advance", "arrears"} {
		f(`{"name":"fee","kind":"flat","price":1,"prorate":"` + p + `"}`)
	}
	f(`{"meter":"errors","kind":"FREE"}`)
	f(`{"meter":"errors","kind":"MARKUP","factor":1,"minimum_per_month":1}`)
	f(`{"meter":"errors","kind":"SUBSIDIZED","factor":0.999}`)
	f(`{"meter":"AI_TOKENS","price":1}`)
	f(`{"meter":"errors","name":"a","where":{"services":["a"]},"price":1},{"meter":"errors","price":2}`)
	f(`{"meter":"errors","name":"a","where":{"services":["a"]},"free_pool":"p","free_per_month":1,"price":1},
		{"meter":"errors","price":2,"free_pool":"p","free_per_month":1.0}`)
	f(manyTiers(MaxTiers))
	f(`{"meter":"errors","kind":"time_of_day","price":0,"windows":[` + manyWindows(MaxWindows) + `]}`)
	f(`{"meter":"errors","price":1,"discounts":[` + manyDiscounts(MaxDiscounts) + `]}`)
	f(`{"meter":"errors","price":1,"where":{"services":[` + manyNames(MaxSelected) + `]}}`)
	f(`{"meter":"errors","price":1,"where":{"tags":{` + manyTags(MaxSelected) + `}}}`)
}

// TestValidateRefuses: each rate breaks one rule, and the error names the
// field and says why.
func TestValidateRefuses(t *testing.T) {
	f := func(rates, want string) {
		t.Helper()
		_, err := ParsePlan(ratePlan(rates))
		if got := invoq.MessageOf(err); invoq.KindOf(err) != invoq.KindUnprocessable || !strings.HasPrefix(got, want) {
			t.Errorf("%.200s: error %q of kind %q, want %q", rates, got, invoq.KindOf(err), want)
		}
	}
	f(`{"meter":"errors","kind":"per_hour","price":1}`, `rates[0].kind: "per_hour" is no kind`)
	f(`{"meter":"errors"}`, "rates[0].price: it is missing")
	f(`{"meter":"errors","kind":"reserved","committed":1,"overage":1}`, "rates[0].price: it is missing")
	f(`{"price":1}`, "rates[0].name is empty")
	f(`{"name":"x","price":1}`, `rates[0].meter: "" is not one of`)
	f(`{"meter":"x","price":1}`, `rates[0].meter: "x" is not one of`)
	f(`{"meter":"errors","name":"minimum","price":1}`, `rates[0].name: "minimum" is what bills call`)
	f(`{"meter":"errors","price":1,"tiers":[{"price":1}]}`, `rates[0].tiers: a rate of kind "per_unit" has no`)
	f(`{"meter":"errors","kind":"graduated","price":1,"tiers":[{"price":1}]}`, `rates[0].price: a rate of kind "graduated"`)
	f(`{"meter":"errors","kind":"FREE","price":1}`, `rates[0].price: a rate of kind "FREE"`)
	f(`{"meter":"errors","kind":"FREE","factor":1}`, `rates[0].factor: a rate of kind`)
	f(`{"meter":"errors","price":1,"committed":1}`, `rates[0].committed: a rate of kind`)
	f(`{"meter":"errors","price":1,"overage":1}`, `rates[0].overage: a rate of kind`)
	f(`{"meter":"errors","price":1,"prorate":"day"}`, `rates[0].prorate: a rate of kind`)
	f(`{"meter":"errors","price":1,"included_in":"x"}`, `rates[0].included_in: a rate of kind`)
	f(`{"meter":"errors","price":1,"windows":[{"name":"n","from":"01:00","to":"02:00","price":1}]}`, `rates[0].windows: a rate of`)
	f(`{"meter":"errors","kind":"MARKUP","factor":2,"free_per_month":1}`, `rates[0].free_per_month: a rate of kind`)
	f(`{"meter":"errors","kind":"MARKUP","factor":2,"per":1}`, `rates[0].per: a rate of kind`)
	f(`{"meter":"errors","kind":"MARKUP","factor":2,"spot_off":0.5}`, `rates[0].spot_off: a rate of kind`)
	f(`{"meter":"errors","kind":"MARKUP","factor":2,"discounts":[{"above":1,"off":1}]}`, `rates[0].discounts: a rate of`)
	f(`{"meter":"mb_ms","kind":"MARKUP","factor":2,"round":{"memory_min_mb":1}}`, `rates[0].round: a rate of kind`)
	f(`{"name":"f","kind":"flat","price":1,"meter":"errors"}`, `rates[0].meter: a rate of kind "flat"`)
	f(`{"name":"f","kind":"flat","price":1,"where":{"services":["a"]}}`, `rates[0].where: a rate of kind "flat"`)
	f(`{"name":"f","kind":"flat","price":1,"minimum_per_month":1}`, `rates[0].minimum_per_month: a rate of`)
	f(`{"name":"f","kind":"flat","price":1,"free_pool":"p"}`, `rates[0].free_pool: a rate of`)
	f(`{"name":"f","kind":"flat","price":1,"prorate":"week"}`, `rates[0].prorate: "week" is not day`)
	f(`{"meter":"errors","price":1,"free_pool":"p"}`, "rates[0].free_pool: there are no free units")
	f(`{"meter":"errors","price":1,"spot_off":1}`, "rates[0].spot_off: 1 is not a share below 1")
	f(`{"meter":"errors","price":1,"spot_off":-0.1}`, "rates[0].spot_off: -0.1 is negative")
	f(`{"meter":"errors","price":1,"minimum_per_month":-1}`, "rates[0].minimum_per_month: -1 is negative")
	f(`{"meter":"mb_ms","price":1,"round":{"duration_step_ms":-1}}`, "rates[0].round.duration_step_ms: -1 is")
	f(`{"meter":"mb_ms","price":1,"round":{"duration_min_ms":-1}}`, "rates[0].round.duration_min_ms: -1 is")
	f(`{"meter":"mb_ms","price":1,"round":{"memory_step_mb":-1}}`, "rates[0].round.memory_step_mb: -1 is")
	f(`{"meter":"mb_ms","price":1,"round":{"memory_min_mb":-1}}`, "rates[0].round.memory_min_mb: -1 is")
	f(`{"meter":"mb_ms","price":1,"round":{"memory_max_mb":-1}}`, "rates[0].round.memory_max_mb: -1 is")
	f(`{"meter":"errors","price":1,"round":{"memory_max_mb":1}}`, "rates[0].round: calls have no errors to round")
	f(`{"meter":"errors","kind":"MARKUP","factor":0.99}`, "rates[0].factor: 0.99 is below 1")
	f(`{"meter":"errors","kind":"MARKUP","factor":-1}`, "rates[0].factor: -1 is negative")
	f(`{"meter":"errors","kind":"SUBSIDIZED","factor":1}`, "rates[0].factor: 1 is not between")
	f(`{"meter":"errors","kind":"SUBSIDIZED"}`, "rates[0].factor: 0 is not between")
	f(`{"meter":"errors","kind":"reserved","price":1,"overage":1}`, "rates[0].committed: it is missing")
	f(`{"meter":"errors","kind":"reserved","price":1,"overage":1,"committed":-1}`, "rates[0].committed: -1 is negative")
	f(`{"meter":"errors","kind":"reserved","price":1,"committed":1}`, "rates[0].overage: it is missing")
	f(`{"meter":"errors","kind":"reserved","price":1,"committed":1,"overage":-1}`, "rates[0].overage: -1 is negative")
	f(`{"meter":"errors","kind":"reserved","price":0,"committed":1,"overage":1,"per":3}`, "rates[0].overage: a price of 1 per 3")
	f(`{"meter":"errors","kind":"FIXED","included_in":"fee"}`, `rates[0].included_in: "fee" is no flat rate`)
	f(`{"meter":"errors","price":1},{"meter":"cpu_ms","kind":"FIXED","included_in":"errors"}`, `rates[1].included_in`)
	f(`{"name":"fee","kind":"flat","price":1},{"meter":"errors","kind":"FIXED","included_in":"fees"}`,
		`rates[1].included_in: "fees" is no flat rate`)
	f(`{"kind":"flat","price":1}`, "rates[0].name is empty")
	f(`{"meter":"errors","price":1},{"meter":"errors","name":"b","price":1,"where":{"services":["a"]}}`, "rates[1].meter")
	f(`{"meter":"errors","name":"a","where":{"services":["a"]},"free_pool":"p","free_per_month":1,"price":1},
		{"meter":"errors","price":2,"free_pool":"p","free_per_month":2}`, "rates[1].free_pool: rates[0] shares it")
	f(`{"meter":"errors","free_pool":"p","free_per_month":1,"price":1},
		{"meter":"cpu_ms","price":2,"free_pool":"p","free_per_month":1}`, "rates[1].free_pool: rates[0] shares it")
	f(`{"meter":"errors","price":1,"where":{"services":[""]}}`, "rates[0].where.services[0] is empty")
	f(`{"meter":"errors","price":1,"where":{"namespaces":["a"," b"]}}`, "rates[0].where.namespaces[1]")
	f(`{"meter":"errors","price":1,"where":{"tags":{"a":1}}}`, "rates[0].where.tags.a: 1 is not a string")
	f(`{"meter":"errors","price":1,"where":{"services":[`+manyNames(MaxSelected+1)+`]}}`, "rates[0].where.services: 1001 names")
	f(`{"meter":"errors","price":1,"where":{"tags":{`+manyTags(MaxSelected+1)+`}}}`, "rates[0].where.tags: 1001 tags")
}

// TestValidateRefusesLists: tiers, windows and discounts that do not fit
// together.
func TestValidateRefusesLists(t *testing.T) {
	f := func(kind, list, want string) {
		t.Helper()
		rest := map[string]string{
			"graduated": `"tiers":[`, "volume": `"tiers":[`, "time_of_day": `"price":1,"windows":[`,
			"per_unit": `"price":1,"discounts":[`,
		}[kind]
		_, err := ParsePlan(ratePlan(`{"meter":"errors","kind":"` + kind + `",` + rest + list + `]}`))
		if got := invoq.MessageOf(err); !strings.HasPrefix(got, "rates[0]."+want) {
			t.Errorf("%s %.200s: error %q, want %q", kind, list, got, want)
		}
	}
	f("graduated", ``, "tiers: they are missing")
	f("volume", `{"price":1},{"price":1}`, "tiers[0].up_to: 0 is not above 0")
	f("graduated", `{"up_to":5}`, "tiers[0].price: it is missing")
	f("graduated", `{"up_to":5,"price":1}`, "tiers[0].up_to: the last tier has no end")
	f("graduated", `{"from":1,"price":1}`, "tiers[0].from: 1 leaves a gap after 0")
	f("graduated", `{"from":-1,"price":1}`, "tiers[0].from: -1 overlaps")
	f("graduated", `{"up_to":5,"price":1},{"from":4,"price":1}`, "tiers[1].from: 4 overlaps the tier before, which ends at 5")
	f("graduated", `{"up_to":5,"price":1},{"from":6,"price":1}`, "tiers[1].from: 6 leaves a gap after 5")
	f("volume", `{"up_to":5,"price":1},{"from":5,"up_to":5,"price":1},{"from":5,"price":1}`, "tiers[1].up_to: 5 is not above 5")
	f("volume", `{"up_to":5,"price":1},{"from":5,"up_to":4,"price":1},{"from":4,"price":1}`, "tiers[1].up_to: 4 is not above 5")
	f("graduated", `{"up_to":5,"price":1},{"from":5,"price":-1}`, "tiers[1].price: -1 is negative")
	f("graduated", `{"up_to":"NaN","price":1},{"from":5,"price":1}`, `tiers[0].up_to: "NaN"`)
	f("graduated", strings.TrimSuffix(strings.SplitAfterN(manyTiers(MaxTiers+1), "[", 2)[1], "]}"), "tiers: there are 1001")
	f("time_of_day", ``, "windows: they are missing")
	f("time_of_day", manyWindows(MaxWindows+1), "windows: there are 169")
	f("time_of_day", `{"name":"","from":"01:00","to":"02:00","price":1}`, "windows[0].name is empty")
	f("time_of_day", `{"name":"n","from":"24:00","to":"02:00","price":1}`, `windows[0].from: "24:00" is not a time`)
	f("time_of_day", `{"name":"n","from":"1:00","to":"02:00","price":1}`, `windows[0].from: "1:00" is not a time`)
	f("time_of_day", `{"name":"n","from":"01:00","to":"24:01","price":1}`, `windows[0].to: "24:01" is not a time`)
	f("time_of_day", `{"name":"n","days":["monday"],"from":"01:00","to":"02:00","price":1}`, `windows[0].days: "monday"`)
	f("time_of_day", `{"name":"n","from":"01:00","to":"02:00","price":-1}`, "windows[0].price: -1 is negative")
	f("time_of_day", `{"name":"n","from":"01:00","to":"02:00","price":1},{"name":"m","from":"02:00","to":"03:00","price":-1}`,
		"windows[1].price: -1 is negative")
	f("time_of_day", `{"name":"n","from":"01:00","to":"02:00"}`, "windows[0].price: it is missing")
	f("time_of_day", `{"name":"n","days":["mon","mon"],"from":"01:00","to":"02:00","price":1}`, `windows[0].from: window "n" overlaps`)
	f("time_of_day", `{"name":"a","from":"01:00","to":"03:00","price":1},{"name":"b","from":"02:59","to":"04:00","price":1}`,
		`windows[1].from: window "b" overlaps window "a"`)
	f("time_of_day", `{"name":"a","days":["sat"],"from":"23:00","to":"01:00","price":1},
		{"name":"b","days":["sun"],"from":"00:59","to":"04:00","price":1}`, `windows[1].from: window "b" overlaps`)
	f("per_unit", `{"above":-1,"off":0.1}`, "discounts[0].above: -1 is negative")
	f("per_unit", `{"above":1,"off":0}`, "discounts[0].off: 0 is not more than 0")
	f("per_unit", `{"above":1,"off":1.01}`, "discounts[0].off: 1.01 is not a share")
	f("per_unit", `{"above":1,"off":0.1},{"above":1,"off":0.2}`, "discounts[1].above: 1 is not above 1")
	f("per_unit", `{"above":1,"off":0.1},{"above":2,"off":0.1}`, "discounts[1].off: 0.1 is not more than 0.1")
	f("per_unit", manyDiscounts(MaxDiscounts+1), "discounts: there are 101")
	f("graduated", `{"price":1}],"discounts":[{"above":-1,"off":0.1}`, "discounts[0].above")
	f("time_of_day", `{"name":"n","from":"01:00","to":"02:00","price":1}],"discounts":[{"above":-1,"off":0.1}`, "discounts[0].above")
}

// TestValidatePlan: rules of the plan itself.
func TestValidatePlan(t *testing.T) {
	f := func(change func(*invoq.Plan), want string) {
		t.Helper()
		plan, err := ParsePlan([]byte(goodPlan))
		if err != nil {
			t.Fatal(err)
		}
		change(&plan)
		err = Validate(plan)
		if (err == nil) != (want == "") || (err != nil && !strings.HasPrefix(invoq.MessageOf(err), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	f(func(p *invoq.Plan) { p.MinimumPerMonth = invoq.NewDecimal(-1, 0) }, "minimum_per_month: -1 is negative")
	f(func(p *invoq.Plan) { p.Version = -1 }, "version: -1 is negative")
	hours := func(windows int) func(*invoq.Plan) {
		return func(p *invoq.Plan) {
			p.Rates = nil
			for i, m := range append(invoq.Meters(), invoq.ResourceMeters()...) {
				r := invoq.Rate{Meter: m, Kind: invoq.RateTimeOfDay}
				for j := range 50 {
					if i*50+j < windows {
						r.Windows = append(r.Windows, invoq.PriceWindow{Name: "w", Days: []string{weekdays[j/24]},
							From: fmt.Sprintf("%02d:00", j%24), To: fmt.Sprintf("%02d:30", j%24)})
					}
				}
				if len(r.Windows) > 0 {
					p.Rates = append(p.Rates, r)
				}
			}
		}
	}
	f(hours(MaxPlanWindows), "")
	f(hours(MaxPlanWindows+1), "rates: they have more than 500 windows")
	f(func(p *invoq.Plan) { p.Rates = make([]invoq.Rate, invoq.MaxRates+1) }, "rates: plan \"pro\" has 201")
	f(func(p *invoq.Plan) { p.Name = strings.Repeat("n", 129) }, "plan name has 129 bytes")
}

func manyTiers(n int) string {
	tiers := `{"up_to":1,"price":1}`
	for i := 1; i < n-1; i++ {
		tiers += fmt.Sprintf(`,{"from":%d,"up_to":%d,"price":1}`, i, i+1)
	}
	return fmt.Sprintf(`{"meter":"errors","kind":"graduated","tiers":[%s,{"from":%d,"price":1}]}`, tiers, n-1)
}

func manyWindows(n int) string {
	return many(n, func(i int) string {
		return fmt.Sprintf(`{"name":"w","days":["%s"],"from":"%02d:00","to":"%02d:00","price":1}`,
			weekdays[i/24%7], i%24, i%24+1)
	})
}

func manyDiscounts(n int) string {
	return many(n, func(i int) string { return fmt.Sprintf(`{"above":%d,"off":0.%03d}`, i, i+1) })
}

func manyNames(n int) string { return many(n, func(i int) string { return fmt.Sprintf(`"s%d"`, i) }) }

func manyTags(n int) string {
	return many(n, func(i int) string { return fmt.Sprintf(`"t%d":"v"`, i) })
}

func many(n int, one func(int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = one(i)
	}
	return strings.Join(all, ",")
}
