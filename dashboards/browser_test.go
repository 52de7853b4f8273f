package dashboards_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"invoq/api"
	"invoq/dashboards"
	"invoq/internal/chromium"
	"invoq/internal/storybook"
)

// audit is what testdata/audit.js finds.
type audit struct {
	Title    string
	Overflow int
	Outside  []string
	Scripts  []string
	Handlers []string
	Charts   []struct {
		ID      string
		Series  int
		Painted bool
		Fits    bool
	}
	Faint, Nameless, Small []string
	Headings               int
	Dark                   bool
}

var screens = map[string]chromium.Screen{
	"phone light":   {Width: 390, Height: 844, Phone: true},
	"phone dark":    {Width: 390, Height: 844, Phone: true, Dark: true},
	"desktop light": {Width: 1280, Height: 900},
	"desktop dark":  {Width: 1280, Height: 900, Dark: true},
}

// serve serves all stories, as invoq pages does.
func serve(t *testing.T) (*httptest.Server, []storybook.Story) {
	t.Helper()
	stories, err := storybook.Stories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pages, err := dashboards.New()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(storybook.Handler(storybook.Config{
		Pages:    func() (*dashboards.Pages, error) { return pages, nil },
		Contract: api.Contract(),
	}, stories))
	t.Cleanup(server.Close)
	return server, stories
}

// Every page, in every state, on a phone and on a desk, by day and by night.
func TestPagesInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	script, err := os.ReadFile(filepath.Join("testdata", "audit.js"))
	if err != nil {
		t.Fatal(err)
	}
	browser := chromium.Start(t)
	server, stories := serve(t)
	for name, screen := range screens {
		t.Run(name, func(t *testing.T) {
			tab := browser.Tab(t, screen)
			for _, s := range stories {
				t.Run(s.Name, func(t *testing.T) {
					tab.Open(server.URL + "/" + s.Name)
					if s.Page == "docs" {
						waitForDocs(tab)
					}
					var a audit
					tab.Eval(string(script), &a)
					check(t, s, a, screen)
					checkTab(t, tab, server.URL, s.Status)
					picture := strings.ReplaceAll(name, " ", "-") + "-" + s.Name
					keep(t, tab, picture)
					// Whether it fits does not depend on colours.
					if !screen.Dark && s.Page != "docs" && openAll(tab) > 0 {
						tab.Eval(string(script), &a)
						check(t, s, a, screen)
						keep(t, tab, picture+"-open")
					}
				})
			}
		})
	}
}

// openAll opens whatever can be opened, and says how much that is: what is not
// seen at first has to fit the screen as well.
func openAll(tab *chromium.Tab) (n int) {
	tab.Eval(`(() => {
		const all = [...document.querySelectorAll("main details")];
		for (const d of all) d.open = true;
		return all.length;
	})()`, &n)
	tab.Settle()
	return n
}

// waitForDocs waits until the contract is drawn.
func waitForDocs(tab *chromium.Tab) {
	tab.Eval(`new Promise((done) => {
		const drawn = () => document.querySelector("#docs .opblock") !== null;
		if (drawn()) return done();
		new MutationObserver((_, o) => { if (drawn()) { o.disconnect(); done(); } })
			.observe(document.getElementById("docs"), { childList: true, subtree: true });
	})`, nil)
	tab.Settle()
}

func check(t *testing.T, s storybook.Story, a audit, screen chromium.Screen) {
	t.Helper()
	if a.Title == "" || s.Page != "docs" && a.Headings != 1 {
		t.Errorf("title %q, %d main headings", a.Title, a.Headings)
	}
	if a.Overflow > 0 {
		t.Errorf("the page is %d pixels wider than the screen", a.Overflow)
	}
	if a.Dark != screen.Dark {
		t.Errorf("the page is dark: %v", a.Dark)
	}
	for what, found := range map[string][]string{
		"outside the screen": a.Outside, "with a handler of its own": a.Handlers, "too faint to read": a.Faint,
		"without a name": a.Nameless, "too small to hit": a.Small,
	} {
		for _, el := range found {
			t.Errorf("%s: %s", what, el)
		}
	}
	for _, src := range a.Scripts {
		if src != "application/json" && !strings.HasPrefix(src, "/assets/") {
			t.Errorf("a script of %q", src)
		}
	}
	checkCharts(t, s, a)
}

// checkCharts holds what was drawn against what the view asks for.
func checkCharts(t *testing.T, s storybook.Story, a audit) {
	t.Helper()
	var want, got []string
	switch v := s.View.(type) {
	case dashboards.OwnerView:
		for _, m := range v.Money {
			want = append(want, m.ByDay.ID)
		}
	case dashboards.MarginsView:
		for _, c := range v.Charts {
			want = append(want, c.ByDay.ID)
		}
	case dashboards.UserView:
		for _, c := range v.Charts {
			want = append(want, c.ByDay.ID)
		}
	case dashboards.TenantView:
		for _, c := range []*dashboards.Chart{v.ByDay, v.Ahead, v.ByRevision} {
			if c != nil {
				want = append(want, c.ID)
			}
		}
	}
	for _, c := range a.Charts {
		got = append(got, c.ID)
		if c.Series == 0 || !c.Painted || !c.Fits {
			t.Errorf(
				"chart %q has %d series, is painted: %v, fits its place: %v",
				c.ID,
				c.Series,
				c.Painted,
				c.Fits,
			)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("charts (-want +got):\n%s", diff)
	}
}

// checkTab fails for whatever went wrong and for requests to another host.
func checkTab(t *testing.T, tab *chromium.Tab, base string, status int) {
	t.Helper()
	for _, p := range tab.Problems() {
		// An error page is an error to the console, too.
		if status != 0 &&
			strings.Contains(p, fmt.Sprintf("the server responded with a status of %d", status)) {
			continue
		}
		t.Error(p)
	}
	requests := tab.Requests()
	for _, r := range requests {
		if !strings.HasPrefix(r, base+"/") {
			t.Errorf("it asks for %s", r)
		}
	}
	if len(requests) < 3 {
		t.Errorf("requests were not seen: %q", requests)
	}
}

// keep writes a picture to the folder of INVOQ_TEST_SCREENSHOTS, if there is
// one: pages are for looking at.
func keep(t *testing.T, tab *chromium.Tab, name string) {
	t.Helper()
	dir := os.Getenv("INVOQ_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), tab.Screenshot(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The reader's choice of theme holds over pages, and charts follow it.
func TestThemeSwitch(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browser := chromium.Start(t)
	server, _ := serve(t)
	tab := browser.Tab(t, screens["desktop light"])
	colours := func() (got []string) {
		tab.Eval(
			`[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.documentElement).colorScheme,
			document.getElementById("theme").getAttribute("aria-pressed"),
			echarts.getInstanceByDom(document.querySelector(".plot")).getOption().color[0]]`,
			&got,
		)
		return got
	}
	tab.Open(server.URL + "/tenant")
	light := colours()
	tab.Eval(`document.getElementById("theme").click()`, nil)
	tab.Settle()
	dark := colours()
	for i, what := range []string{"background", "scheme", "button", "chart"} {
		if light[i] == dark[i] {
			t.Errorf("%s stays %s", what, light[i])
		}
	}
	tab.Open(server.URL + "/owner")
	if again := colours(); !slices.Equal(again, dark) {
		t.Errorf("the next page has %q, want %q", again, dark)
	}
	tab.Eval(`document.getElementById("theme").click()`, nil)
	tab.Settle()
	back := colours()
	light[1] = "light" // It was the system's choice, and is the reader's now.
	if !slices.Equal(back, light) {
		t.Errorf("switched back it has %q, want %q", back, light)
	}
	// A chart follows the size of its place.
	tab.Resize(screens["phone light"])
	tab.Settle()
	var widths [2]int
	tab.Eval(
		`[document.querySelector(".plot canvas").clientWidth, document.querySelector(".plot").clientWidth]`,
		&widths,
	)
	if widths[0] != widths[1] || widths[0] > 390 {
		t.Errorf("on a narrow screen the chart is %d wide in a place of %d", widths[0], widths[1])
	}
	checkTab(t, tab, server.URL, 0)
}

// The page can be used without a mouse: the first stop skips the bar, and what
// has the focus shows it.
func TestKeyboard(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browser := chromium.Start(t)
	server, _ := serve(t)
	tab := browser.Tab(t, screens["desktop light"])
	tab.Open(server.URL + "/owner")
	var stops []string
	for range 12 {
		tab.Press("Tab")
		var stop struct{ Name, Outline string }
		tab.Eval(`(() => { const el = document.activeElement; return {
			name: (el.textContent.trim() || el.getAttribute("aria-label") || el.id).slice(0, 30),
			outline: getComputedStyle(el).outlineStyle }; })()`, &stop)
		if stop.Outline == "none" {
			t.Errorf("%q has the focus and does not show it", stop.Name)
		}
		stops = append(stops, stop.Name)
	}
	want := []string{
		"Skip to the content",
		"Invoq",
		"Overview",
		"Margins",
		"API",
		"Dark theme",
		"Sign out",
		"Show the numbers",
		"cedar",
	}
	if diff := cmp.Diff(want, stops[:len(want)]); diff != "" {
		t.Errorf("stops (-want +got):\n%s", diff)
	}
}

// A snippet is copied as it stands.
func TestCopy(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	browser := chromium.Start(t)
	server, _ := serve(t)
	tab := browser.Tab(t, screens["phone light"])
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	tab.Grant(u.Scheme+"://"+u.Host, "clipboardReadWrite", "clipboardSanitizedWrite")
	tab.Open(server.URL + "/owner-empty")
	var got []string
	tab.Eval(`(async () => {
		const button = document.querySelector("button.copy");
		button.click();
		await new Promise((done) => new MutationObserver(done).observe(button, { childList: true }));
		return [button.textContent, await navigator.clipboard.readText(), document.getElementById(button.dataset.copy).textContent];
	})()`, &got)
	if got[0] != "Copied" || got[1] != got[2] || !strings.Contains(got[1], "/api/v1/keys") {
		t.Errorf("got %q", got)
	}
}
