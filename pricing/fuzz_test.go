package pricing

import (
	"os"
	"strings"
	"testing"

	"invoq"
	"invoq/internal/fuzzing"
)

// FuzzParsePlan: whatever the bytes, a plan is read or refused by kind without
// a panic; what is read can be priced, and reads the same when written again.
func FuzzParsePlan(f *testing.F) {
	f.Add([]byte(goodPlan))
	f.Add(ratePlan(`{"meter":"errors","kind":"volume","per":1e3,"tiers":[{"up_to":1,"price":2},{"from":1,"price":1}]}`))
	f.Add(ratePlan(`{"meter":"errors","kind":"time_of_day","price":0,"windows":[{"name":"n","days":["sat"],` +
		`"from":"22:00","to":"06:00","price":1}]},{"name":"f","kind":"flat","price":3,"prorate":"second"}`))
	f.Add(ratePlan(`{"meter":"mb_ms","kind":"reserved","price":1,"committed":5,"overage":2,"round":{"memory_step_mb":128}}`))
	f.Add(ratePlan(`{"meter":"AI_TOKENS","kind":"MARKUP","factor":"1.5"},{"meter":"errors","price":NaN}`))
	const price = `{"meter":"errors","price":"1"}`
	f.Add(ratePlan(`{"meter":"errors","price":-1}`))
	f.Add(ratePlan(`{"meter":"errors","price":1e400}`))
	f.Add(ratePlan(price + strings.Repeat(","+price, 10_000)))
	f.Add(ratePlan(strings.Repeat(`{"price":0},`, 10_000) + price))
	f.Add(ratePlan(`{"meter":"errors","kind":"volume","tiers":[{"up_to":2,"price":2},{"from":1,"price":1}]}`))
	f.Add(ratePlan(`{"meter":"errors","kind":"volume","tiers":[` +
		strings.Repeat(`{"price":1},`, 10_000) + `{"from":1,"price":1}]}`))
	f.Add([]byte(`{"name":"p","name":"q","currency":"XXZ","rates":[` + strings.Repeat("[", 10_000)))
	for _, name := range PresetNames() {
		b, err := os.ReadFile("presets/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var plan invoq.Plan
		var err error
		fuzzing.Default().Hold(t, len(b), func() { plan, err = ParsePlan(b) })
		if err != nil {
			if k := invoq.KindOf(err); k != invoq.KindInvalid && k != invoq.KindUnprocessable && k != invoq.KindTooLarge {
				t.Errorf("error %v of kind %q", err, k)
			}
			return
		}
		readsAgain(t, plan)
		usage := []Item{used1(invoq.Errors, "3"), used1(invoq.Invocations, "1e6"), used1(invoq.MBMs, "12345.678")}
		s, err := Compile(plan)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Price(january, usage); err != nil {
			t.Errorf("price: %v", err)
		}
	})
}
