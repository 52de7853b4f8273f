package chromium

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Screen is what a tab's reader has.
type Screen struct {
	Width, Height int
	// Phone has a touch screen.
	Phone bool
	// Dark is a reader who prefers dark pages.
	Dark bool
}

// Tab is one page, with storage of its own. Its methods fail the test when the
// browser does not do as it is told.
type Tab struct {
	t       testing.TB
	conn    *conn
	session string
	context string // the browser's name for the tab's own storage

	mu       sync.Mutex
	problems []string
	requests []string
	loaded   chan struct{}
}

// watcher tells of breaches of the policy, which not every console does.
const watcher = `document.addEventListener("securitypolicyviolation", (e) =>
	console.error("policy violation: " + e.violatedDirective + " " + e.blockedURI + " " + e.sample +
		" in " + e.sourceFile + ":" + e.lineNumber))`

// Tab opens an empty tab that closes with the test.
func (b *Browser) Tab(t testing.TB, s Screen) *Tab {
	t.Helper()
	tab := &Tab{t: t, conn: b.conn, loaded: make(chan struct{}, 1)}
	var own struct{ BrowserContextID string }
	tab.call("Target.createBrowserContext", nil, &own)
	tab.context = own.BrowserContextID
	var target struct{ TargetID string }
	tab.call(
		"Target.createTarget",
		map[string]any{"url": "about:blank", "browserContextId": own.BrowserContextID},
		&target,
	)
	var attached struct{ SessionID string }
	tab.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	tab.session = attached.SessionID
	b.conn.listen(tab.session, tab.handle)
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		tab.call(domain+".enable", nil, nil)
	}
	tab.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": watcher}, nil)
	tab.Resize(s)
	t.Cleanup(func() {
		root := &Tab{t: t, conn: b.conn}
		root.call(
			"Target.disposeBrowserContext",
			map[string]any{"browserContextId": own.BrowserContextID},
			nil,
		)
	})
	return tab
}

// Resize changes the reader's screen. Motion is never wanted: what a test looks
// at stands still.
func (tab *Tab) Resize(s Screen) {
	tab.t.Helper()
	tab.call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": s.Width, "height": s.Height, "deviceScaleFactor": 1, "mobile": s.Phone,
	}, nil)
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	tab.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{
		{
			"name":  "prefers-color-scheme",
			"value": scheme,
		},
		{"name": "prefers-reduced-motion", "value": "reduce"},
	}}, nil)
}

// Open loads a page and waits until it and what it loads is there and drawn.
func (tab *Tab) Open(url string) {
	tab.t.Helper()
	select {
	case <-tab.loaded: // That of the page before.
	default:
	}
	var navigated struct{ ErrorText string }
	tab.call("Page.navigate", map[string]any{"url": url}, &navigated)
	if navigated.ErrorText != "" {
		tab.t.Fatalf("open %s: %s", url, navigated.ErrorText)
	}
	tab.Loaded()
}

// Loaded waits for a page that something else than Open has asked for.
func (tab *Tab) Loaded() {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-tab.loaded:
	case <-ctx.Done():
		tab.t.Fatalf("the page is not loaded after %s", patience)
	}
	tab.Settle()
}

// Settle waits until what was changed is drawn.
func (tab *Tab) Settle() {
	tab.t.Helper()
	tab.Eval(
		`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))))`,
		nil,
	)
}

// Eval runs an expression in the page, waits if it is a promise, and reads its
// value into result, a pointer or nil.
func (tab *Tab) Eval(expression string, result any) {
	tab.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	tab.call("Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
	}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		tab.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(answer.Result.Value, result); err != nil {
		tab.t.Fatalf("%s is %s: %v", expression, answer.Result.Value, err)
	}
}

// Screenshot returns a picture of the whole page, as PNG.
func (tab *Tab) Screenshot() []byte {
	tab.t.Helper()
	var shot struct{ Data string }
	tab.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	b, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		tab.t.Fatal(err)
	}
	return b
}

// Problems returns what has gone wrong since the last call.
func (tab *Tab) Problems() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	all := tab.problems
	tab.problems = nil
	return all
}

// Requests returns the addresses of what was asked for since the last call,
// each once; data within the page is no request.
func (tab *Tab) Requests() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	all := tab.requests
	tab.requests = nil
	slices.Sort(all)
	return slices.Compact(all)
}

// call asks the tab for something and fails the test if it refuses.
func (tab *Tab) call(method string, params, result any) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := tab.conn.call(ctx, tab.session, method, params, result); err != nil {
		tab.t.Fatal(err)
	}
}

// event is what we read of the events that we read.
type event struct {
	Type    string
	Message string
	Args    []struct {
		Value       any
		Description string
	}
	Entry            struct{ Source, Level, Text, URL string }
	ExceptionDetails struct {
		Text      string
		Exception struct{ Description string }
	}
	Request struct{ URL string }
}

// handle notes what the page reports by itself.
func (tab *Tab) handle(method string, params json.RawMessage) {
	var e event
	if err := json.Unmarshal(params, &e); err != nil {
		return // It is not one that we read.
	}
	switch method {
	case "Page.loadEventFired":
		select {
		case tab.loaded <- struct{}{}:
		default:
		}
	case "Runtime.consoleAPICalled":
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			var text strings.Builder
			fmt.Fprintf(&text, "console %s:", e.Type)
			for _, a := range e.Args {
				fmt.Fprint(&text, " ", a.Value, a.Description)
			}
			tab.problem(text.String())
		}
	case "Runtime.exceptionThrown":
		tab.problem("exception: " + e.ExceptionDetails.Text + " " + e.ExceptionDetails.Exception.Description)
	case "Log.entryAdded":
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			tab.problem(e.Entry.Source + " " + e.Entry.Level + ": " + e.Entry.Text + " " + e.Entry.URL)
		}
	case "Page.javascriptDialogOpening":
		tab.problem("dialog: " + e.Message)
		// Its answer is nobody's to wait for.
		_, _ = tab.conn.send(tab.session, "Page.handleJavaScriptDialog", map[string]any{"accept": true})
	case "Network.requestWillBeSent":
		tab.request(e.Request.URL)
	}
}

// problem notes something that went wrong in the page.
func (tab *Tab) problem(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.problems = append(tab.problems, text)
}

// request notes an address that the page asked for.
func (tab *Tab) request(url string) {
	if len(url) >= 5 && url[:5] == "data:" {
		return
	}
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.requests = append(tab.requests, url)
}

// Press presses and lets go of a key that needs no other, such as Tab.
func (tab *Tab) Press(key string) {
	tab.t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		tab.call("Input.dispatchKeyEvent", map[string]any{
			"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": keyCodes[key],
		}, nil)
	}
}

var keyCodes = map[string]int{"Tab": 9, "Enter": 13, "Escape": 27}

// Grant lets an origin do what browsers ask their users about.
func (tab *Tab) Grant(origin string, permissions ...string) {
	tab.t.Helper()
	root := &Tab{t: tab.t, conn: tab.conn}
	root.call("Browser.grantPermissions", map[string]any{
		"origin": origin, "permissions": permissions, "browserContextId": tab.context,
	}, nil)
}
