package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"invoq/pricing"
)

const planScript = `plan pro USD
  requests  first 1e6 free  then 0.20 per 1e6
load 5m from 2026-01-01
  requests{tenant="acme"}  0+5000x400
price acme 2026-01
  requests  2000000  0.20 USD
`

// invoqPlan runs "invoq plan ARGS" and returns what it wrote.
func invoqPlan(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"plan"}, args...), stdio{strings.NewReader(stdin), &o, &e})
	return code, o.String(), e.String()
}

func TestPlanTest(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.test", planScript)
	bad := file("bad.test", strings.Replace(planScript, "0.20 USD", "0.30 USD", 1))
	f := func(wantCode int, wantOut, wantErr, stdin string, args ...string) {
		t.Helper()
		code, out, errs := invoqPlan(t, stdin, args...)
		if code != wantCode || !strings.Contains(out, wantOut) || !strings.Contains(errs, wantErr) {
			t.Errorf("%v: code %d, out %q, err %q; want %d, %q, %q", args, code, out, errs, wantCode, wantOut, wantErr)
		}
	}
	f(0, "good.test  1 prices", "", "", "test", good)
	f(0, "ok  -  1 prices", "", planScript, "test", "-")
	f(1, "good.test", `bad.test:6: the script says "requests 2000000 0.30 USD"`, "", "test", bad, good)
	f(1, "", "1 of 2 scripts failed", "", "test", bad, good)
	f(1, "", "read script: open", "", "test", filepath.Join(dir, "none.test"))
	f(1, "", "bad.test:1: the script has 1048577 bytes", "", "test",
		file("bad.test", strings.Repeat("x", 1<<21)))
	f(2, "", "expected \"<file> ...\"", "", "test")
}

// TestPlanTestUpdate: the file is written anew and then holds.
func TestPlanTestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.test")
	if err := os.WriteFile(path, []byte(strings.Replace(planScript, "0.20 USD", "?", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"updated  ", "ok       "} {
		code, out, errs := invoqPlan(t, "", "test", "--update", path)
		if code != 0 || !strings.HasPrefix(out, want) {
			t.Errorf("code %d, out %q, err %q, want %q", code, out, errs, want)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != planScript {
		t.Errorf("the file has %q, error %v", got, err)
	}
	if code, out, _ := invoqPlan(t, planScript, "test", "--update", "-"); code != 0 || out != planScript {
		t.Errorf("from standard input: code %d, out %q", code, out)
	}
}

func TestPlanPresets(t *testing.T) {
	code, out, errs := invoqPlan(t, "", "presets")
	for _, name := range pricing.PresetNames() {
		if code != 0 || !strings.Contains(out, name) {
			t.Errorf("code %d, err %q: %q is not in %q", code, errs, name, out)
		}
		code, text, errs := invoqPlan(t, "", "presets", name)
		plan, err := pricing.ParsePlan([]byte(text))
		if code != 0 || err != nil || plan.Name != name {
			t.Errorf("preset %q: code %d, err %q, parsed %v", name, code, errs, err)
		}
	}
	if code, _, errs := invoqPlan(t, "", "presets", "gold"); code != 2 || !strings.Contains(errs, `no preset "gold"`) {
		t.Errorf("code %d, err %q", code, errs)
	}
}
