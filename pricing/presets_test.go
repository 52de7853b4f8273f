package pricing_test

import (
	"strings"
	"testing"
	"time"

	"invoq"
	"invoq/pricing"
)

// TestPresets: every preset is a valid plan, named as its file, and each price
// in it says where and when it was read.
func TestPresets(t *testing.T) {
	names := pricing.PresetNames()
	want := []string{"aws-lambda", "aws-lambda-arm64", "aws-lambda-x86", "azure-functions-consumption",
		"google-cloud-run-functions"}
	if got := strings.Join(names, " "); got != strings.Join(want, " ") {
		t.Errorf("presets %s, want %s", got, strings.Join(want, " "))
	}
	for _, name := range names {
		plan, err := pricing.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Name != name {
			t.Errorf("preset %q calls itself %q", name, plan.Name)
		}
		for _, r := range plan.Rates {
			if r.Kind == invoq.RateFree {
				continue
			}
			if _, err := time.Parse(time.DateOnly, r.Source.Read); err != nil || !strings.HasPrefix(r.Source.URL, "https://") {
				t.Errorf("preset %q: rate %q has source %+v", name, r.Label(), r.Source)
			}
		}
		for _, m := range invoq.Meters() {
			if _, ok := plan.Rate(m); !ok {
				t.Errorf("preset %q leaves %q without a price", name, m)
			}
		}
	}
}

func TestPresetUnknown(t *testing.T) {
	_, err := pricing.Preset("../planjson")
	if invoq.KindOf(err) != invoq.KindNotFound || !strings.Contains(invoq.MessageOf(err), "aws-lambda-x86") {
		t.Errorf("error %v of kind %q", err, invoq.KindOf(err))
	}
}
