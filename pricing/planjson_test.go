package pricing

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
)

const goodPlan = `{"name":"pro","currency":"USD","rates":[{"meter":"invocations",
	"free_per_month":"1000000","price":"0.20","per":1e6}]}`

func TestParsePlan(t *testing.T) {
	plan, err := ParsePlan([]byte(goodPlan))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"pro","currency":"USD","rates":[{"meter":"invocations",` +
		`"free_per_month":"1000000","price":"0.2","per":"1000000"}]}`
	got, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("written again (-want +got):\n%s", diff)
	}
	again, err := ParsePlan(got)
	if err != nil {
		t.Fatal(err)
	}
	if again.Rates[0].Price.Cmp(invoq.MustDecimal("0.2")) != 0 {
		t.Errorf("price read again is %s", again.Rates[0].Price)
	}
}

// TestParsePlanRefuses: each replacement in a good plan makes it a bad one,
// and the error says where.
func TestParsePlanRefuses(t *testing.T) {
	f := func(old, with string, kind invoq.Kind, message string) {
		t.Helper()
		src := strings.Replace(goodPlan, old, with, 1)
		if src == goodPlan {
			t.Fatalf("%q is not in the plan", old)
		}
		_, err := ParsePlan([]byte(src))
		if invoq.KindOf(err) != kind || !strings.Contains(invoq.MessageOf(err), message) {
			t.Errorf("%s: error is %q of kind %q, want %q of kind %q",
				with, invoq.MessageOf(err), invoq.KindOf(err), message, kind)
		}
	}
	bad, syntax := invoq.KindUnprocessable, invoq.KindInvalid
	f(`"0.20"`, `"-0.20"`, bad, "rates[0].price: -0.2 is negative")
	f(`"0.20"`, `"NaN"`, bad, `rates[0].price: "NaN" is not a decimal number`)
	f(`"0.20"`, `NaN`, bad, "rates[0].price: its value is no number")
	f(`"0.20"`, `"Infinity"`, bad, "rates[0].price")
	f(`"0.20"`, `1e400`, bad, "rates[0].price")
	f(`"0.20"`, `null`, bad, "rates[0].price")
	f(`"0.20"`, `true`, bad, "rates[0].price")
	f(`"0.20"`, `{}`, bad, "rates[0].price")
	f(`"price":"0.20",`, ``, bad, "rates[0].price: it is missing")
	f(`"price"`, `"Price"`, bad, "rates[0].Price: there is no such field")
	f(`"price":"0.20"`, `"price":"0.20","price":"0.10"`, syntax, "rates[0].price: the field stands twice")
	f(`"per":1e6`, `"per":3`, bad, "rates[0].price: a price of 0.2 per 3 is not exact")
	f(`"per":1e6`, `"per":-1`, bad, "rates[0].per: -1 is negative")
	f(`"1000000"`, `"-1"`, bad, "rates[0].free_per_month: -1 is negative")
	f(`"USD"`, `"USX"`, bad, `currency: currency "USX"`)
	f(`"USD"`, `"usd"`, bad, `currency: currency "usd"`)
	f(`"USD"`, `7`, bad, "currency: 7 is not a string")
	f(`"invocations"`, `"invocation"`, bad, "rates[0].meter")
	f(`"pro"`, `""`, bad, "plan name is empty")
	f(`"pro"`, "\"\xff\"", syntax, "UTF-8")
	f(`"name":"pro",`, ``, bad, "name: it is missing")
	f(`"name":"pro"`, `"name":"pro","owner":true`, bad, "owner: there is no such field")
	f(`"name":"pro"`, `"name":"pro","version":"1"`, bad, "version: 1 is not a int")
	f(`"name":"pro"`, `"name":"pro","created_at":"yesterday"`, bad, "created_at")
	f(`"name":"pro"`, `"name":"pro","`+strings.Repeat("x", 1000)+`":1`, bad, "xxx…: there is no such field")
	f(`}]}`, `},{"meter":"invocations","price":1}]}`, bad, `two rates named "invocations"`)
	f(`}]}`, `},{"meter":"invocations","name":"b","price":1}]}`, bad, "rates[1].meter")
	f(`}]}`, `}]} {}`, syntax, "goes on")
	f(`}]}`, `}]`, syntax, "unexpected EOF")
	f(`"rates":[`, `"rates":{`, bad, "rates: it must begin with [")
	f(`{"name"`, `[{"name"`, bad, "must begin with {")
	f(`{"name":"pro","currency":"USD",`, `{"name":"pro","currency":"USD",,`, syntax, "invalid character ','")
	f(`"pro"`, `"`+strings.Repeat(" ", MaxPlanBytes)+`"`, invoq.KindTooLarge, "at most 1048576")
	f(goodPlan, `{"name":"pro","currency":"USD","rates":[]}`, bad, "rates: a plan needs at least one")
	f(goodPlan, ``, syntax, "the JSON cannot be read: unexpected EOF")
	f(goodPlan, `{"name":"pro","rates":[{"meter":`, syntax, "the JSON cannot be read at rates[0].meter: unexpected EOF")
	f(goodPlan, `{"name":`, syntax, "cannot be read at name: unexpected EOF")
	f(goodPlan, `{"rates":`, syntax, "cannot be read at rates: unexpected EOF")
	f(`"per":1e6`, `"where":{"tags":7}`, bad, "rates[0].where.tags: it must begin with {")
	f(`"per":1e6`, `"where":{"tags":{"a":"1","a":"2"}}`, syntax, "rates[0].where.tags.a: the field stands twice")
	f(`"per":1e6}]}`, `"where":{"tags":{"a":"1"`, syntax, "at rates[0].where.tags: unexpected EOF")
	f(`"per":1e6}]}`, `"where":{"tags":{"a":"1"]`, syntax, "at rates[0].where.tags: invalid character ']'")
	f(`"per":1e6}]}`, `"where":{"services":["a"}`, syntax, "at rates[0].where.services: invalid character '}'")
	f(`"name":"pro"`, `"name":"pro","version":1.5`, bad, "version: 1.5 is not a int")
	f(`"name":"pro"`, `"name":"pro","version":true`, bad, "version: true is not a int")
	f(`"name":"pro"`, `"name":"pro","active":1`, bad, "active: 1 is not a bool")
	f(`"name":"pro"`, `"name":"pro","active":"true"`, bad, "active: true is not a bool")
	f(`"name":"pro"`, `"name":"pro","created_at":null`, bad, "created_at: null is not a value")
	name := strings.Repeat("x", 64)
	f(`"name":"pro"`, `"name":"pro","`+name+`":1`, bad, name+": there is no such field")
	f(`"name":"pro"`, `"name":"pro","`+name+`x":1`, bad, name+"…: there is no such field")
}

// TestParsePlanFields: every field of a plan beside its rates.
func TestParsePlanFields(t *testing.T) {
	got, err := ParsePlan([]byte(`{"id":"i","version":3,"name":"n","tenant_id":"t","currency":"KWD","active":true,
		"minimum_per_month":1.5,"created_at":"2026-01-02T03:04:05Z","rates":[{"meter":"errors","price":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := invoq.Plan{ID: "i", Version: 3, Name: "n", TenantID: "t", Currency: "KWD", Active: true,
		MinimumPerMonth: d("1.5"), CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Rates: []invoq.Rate{{Meter: invoq.Errors, Price: d("1")}}}
	if diff := cmp.Diff(want, got, decimals); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// TestMaxPlanBytes: as many bytes as are allowed are read.
func TestMaxPlanBytes(t *testing.T) {
	most := goodPlan + strings.Repeat(" ", MaxPlanBytes-len(goodPlan))
	if _, err := ParsePlan([]byte(most)); err != nil {
		t.Errorf("%d bytes: %v", len(most), err)
	}
	if _, err := ParsePlan([]byte(most + " ")); invoq.KindOf(err) != invoq.KindTooLarge {
		t.Errorf("%d bytes: %v", len(most)+1, err)
	}
}
