package ledger

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"invoq"
)

func sample() Entry {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	return Entry{
		Position: 7, TenantID: "t", UserID: "u", Platform: "p", Provider: "openai",
		Namespace: "n", Service: "chat", Revision: "r", Meter: invoq.AITokens,
		Quantity: invoq.MustDecimal("1.5"),
		Charge: Charge{
			Catalogue: 3, Currency: "USD", Costed: true, UnitCost: invoq.MustDecimal("0.002"),
			RealCost: invoq.MustDecimal("0.003"), Priced: true,
			BilledCost: invoq.MustDecimal("0.0045"), Model: ModelMarkup,
		},
		RequestID: "q", Corrects: "c", Labels: `{"a":"b"}`, EventTime: at, ReceivedAt: at,
	}
}

// The form of an entry is stored for ever as its hash: it may not change. The
// bytes are written out by hand after docs/ledger.md.
func TestEncodingIsFixed(t *testing.T) {
	e := sample()
	want := "01" + "0174" + "0175" + "0170" + "066f70656e6169" + "016e" + "0463686174" + "0172" +
		"0941495f544f4b454e53" + "03312e35" + "06" + "03555344" +
		"01" + "05302e303032" + "05302e303033" + "01" + "06302e30303435" + "064d41524b5550" +
		"0171" + "0163" + "097b2261223a2262227d" +
		hex.EncodeToString(appendTime(nil, e.EventTime)) +
		hex.EncodeToString(appendTime(nil, e.ReceivedAt))
	if got := hex.EncodeToString(e.AppendEncoding(nil)); got != want {
		t.Errorf("encoded as\n%s, want\n%s", got, want)
	}
	// Billed in another currency than it cost: another first byte, and the
	// currency behind that of the cost.
	e.BilledCurrency = "RUB"
	want = "02" + strings.Replace(want[2:], "03555344", "03555344"+"03525542", 1)
	if got := hex.EncodeToString(e.AppendEncoding(nil)); got != want {
		t.Errorf("billed in RUB encoded as\n%s, want\n%s", got, want)
	}
}

// Every field but the position is in the form: nothing can be changed without
// the leaf showing it.
func TestEveryFieldIsHashed(t *testing.T) {
	plain := sample()
	before, _ := plain.Leaf(nil)
	n := 0
	var walk func(v, whole reflect.Value, name string)
	walk = func(v, whole reflect.Value, name string) {
		if d, ok := reflect.TypeAssert[*invoq.Decimal](v.Addr()); ok {
			*d = d.Add(invoq.NewDecimal(1, 0))
		} else if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
			*at = at.Add(time.Microsecond)
		} else {
			switch v.Kind() {
			case reflect.Struct:
				for i := range v.NumField() {
					fresh := sample()
					root := reflect.ValueOf(&fresh).Elem()
					field := root
					if name != "" {
						field = root.FieldByName(name)
					}
					walk(field.Field(i), root, v.Type().Field(i).Name)
				}
				return
			case reflect.String:
				v.SetString(v.String() + "x")
			case reflect.Int64:
				v.SetInt(v.Int() + 1)
			case reflect.Bool:
				v.SetBool(!v.Bool())
			default:
				t.Fatalf("field %s is of kind %s", name, v.Kind())
			}
		}
		n++
		changed := whole.Interface().(Entry)
		after, _ := changed.Leaf(nil)
		if (after == before) != (name == "Position") {
			t.Errorf("changing %s: leaf stays the same is %t", name, after == before)
		}
	}
	whole := reflect.ValueOf(&plain).Elem()
	walk(whole, whole, "")
	if n != 24 {
		t.Errorf("%d fields were changed, an entry has 24", n)
	}
}

// The scale of a number does not change the form; where one string ends does.
func TestEncodingIsCanonical(t *testing.T) {
	a, b := sample(), sample()
	b.Quantity = invoq.MustDecimal("1.500")
	if string(a.AppendEncoding(nil)) != string(b.AppendEncoding(nil)) {
		t.Error("1.5 and 1.500 have two forms")
	}
	b = sample()
	a.Platform, a.Provider = "ab", "c"
	b.Platform, b.Provider = "a", "bc"
	if string(a.AppendEncoding(nil)) == string(b.AppendEncoding(nil)) {
		t.Error("ab, c and a, bc have one form")
	}
}

// Every meter of functions is known as one, and none of resources.
func TestFunctionMeters(t *testing.T) {
	for _, m := range invoq.Meters() {
		if _, _, is := (&Entry{Meter: m}).function(); !is {
			t.Errorf("%s is not of functions", m)
		}
	}
	for _, m := range invoq.ResourceMeters() {
		if _, _, is := (&Entry{Meter: m}).function(); is {
			t.Errorf("%s is of functions", m)
		}
	}
}
