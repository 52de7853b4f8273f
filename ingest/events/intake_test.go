package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq"
)

// shelf is a queue and a memory that tests fill; the real ones have tests of
// their own, and cmd/invoq runs them together.
type shelf struct {
	kept     []invoq.Event
	full     error
	recalled map[string]invoq.Recall
	down     error
	asked    int
}

func (s *shelf) Put(_ context.Context, es []invoq.Event) error {
	if s.full != nil {
		return s.full
	}
	s.kept = append(s.kept, es...)
	return nil
}

func (s *shelf) Recall(_ context.Context, es []invoq.Event) ([]invoq.Recall, error) {
	s.asked++
	if s.down != nil {
		return nil, s.down
	}
	all := make([]invoq.Recall, len(es))
	for i := range es {
		all[i] = s.recalled[es[i].RequestID]
	}
	return all, nil
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newIntake(s *shelf) *Intake {
	return New(s, s, slog.New(slog.DiscardHandler), func() time.Time { return noon }, metrics.NewSet())
}

var acme = Scope{Tenant: "acme", TenantID: "0190aaaa-0000-7000-8000-000000000001"}

func take(t *testing.T, in *Intake, body string) Result {
	t.Helper()
	r, err := in.Take(t.Context(), Request{ContentType: "application/json", Body: []byte(body), Scope: acme})
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r
}

const functionEvent = `{"timestamp":"2026-03-01T11:00:00Z","tenant_id":"acme","service_name":"waiter",
	"revision":"waiter-00001","invocations":1,"duration_seconds":0.234,"memory_mb":64.5,
	"cold_start":true,"labels":{"method":"GET","status":"503"},"request_id":"f-1"}`

const resourceEvent = `{"userId":"ann","platformId":"shop","resourceType":"AI_TOKENS",
	"provider":"openai","service":"gpt-4","quantity":1200.5,"requestId":"r-1",
	"timestamp":"2026-03-01T11:00:00.1234567+01:00"}`

func measures(pairs ...string) []invoq.Measure {
	var all []invoq.Measure
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, invoq.Measure{
			Meter: invoq.Meter(pairs[i]), Quantity: invoq.MustDecimal(pairs[i+1]),
		})
	}
	return all
}

func TestFunctionEvent(t *testing.T) {
	s := &shelf{}
	r := take(t, newIntake(s), functionEvent)
	want := []invoq.Event{{
		Tenant: "acme", RequestID: "f-1", User: "default", Service: "waiter", Revision: "waiter-00001",
		Time: noon.Add(-time.Hour), ReceivedAt: noon,
		// 64.5 MB × 234 ms = 15093 MB·ms.
		Measures: measures("invocations", "1", "duration_ms", "234", "mb_ms", "15093",
			"cold_starts", "1", "errors", "1"),
		Labels: map[string]string{"method": "GET", "status": "503"},
	}}
	if diff := cmp.Diff(want, s.kept); diff != "" {
		t.Error(diff)
	}
	wantItems := []Item{{RequestID: "f-1", Status: StatusAccepted}}
	if diff := cmp.Diff(wantItems, r.Items); diff != "" {
		t.Error(diff)
	}
}

// A correction tells differences: what it leaves out is none, not the one call
// that an event is. Memory is no difference; the duration has the sign.
func TestFunctionCorrection(t *testing.T) {
	f := func(fields, refused string, want ...string) {
		t.Helper()
		s := &shelf{}
		r := take(t, newIntake(s), `{"service_name":"waiter","timestamp":"2026-03-01T11:00:00Z",`+fields+`}`)
		if refused != "" {
			if r.Invalid != 1 || !strings.Contains(r.Items[0].Error, refused) {
				t.Errorf("%s: %+v, want %q", fields, r.Items, refused)
			}
			return
		}
		if len(s.kept) != 1 {
			t.Fatalf("%s: %+v", fields, r.Items)
		}
		if diff := cmp.Diff(measures(want...), s.kept[0].Measures); diff != "" {
			t.Errorf("%s\n%s", fields, diff)
		}
	}
	f(`"duration_seconds":1`, "", "invocations", "1", "duration_ms", "1000")
	f(`"corrects":"f-1","duration_seconds":-0.5,"labels":{"status":"500"}`, "",
		"invocations", "0", "duration_ms", "-500")
	f(`"corrects":"f-1","invocations":-1,"duration_seconds":-0.5,"memory_mb":64,"labels":{"status":"500"}`, "",
		"invocations", "-1", "duration_ms", "-500", "mb_ms", "-32000", "errors", "-1")
	f(`"corrects":"f-1","duration_seconds":-0.5,"memory_mb":-64`, "memory_mb -64 is negative")
	f(`"memory_mb":-64`, "memory_mb -64 is negative")
}

func TestResourceEvent(t *testing.T) {
	s := &shelf{}
	take(t, newIntake(s), resourceEvent)
	want := []invoq.Event{{
		Tenant: "acme", RequestID: "r-1", User: "ann", Platform: "shop", Provider: "openai",
		Service: "gpt-4", Time: time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC), ReceivedAt: noon,
		Measures: measures("AI_TOKENS", "1200.5"),
	}}
	if diff := cmp.Diff(want, s.kept); diff != "" {
		t.Error(diff)
	}
}

// The good items of a batch are kept whatever the others are.
func TestBatchKeepsTheGood(t *testing.T) {
	s := &shelf{recalled: map[string]invoq.Recall{
		"posted": invoq.RecallSame, "used": invoq.RecallOther,
	}}
	item := func(id, quantity string) string {
		return fmt.Sprintf(`{"resourceType":"API_REQUEST","service":"api","quantity":%s,
			"timestamp":"2026-03-01T11:00:00Z"%s}`, quantity, id)
	}
	id := func(id string) string { return `,"requestId":"` + id + `"` }
	in := newIntake(s)
	r := take(t, in, "["+strings.Join([]string{
		item(id("a"), "1"), item(id("bad"), "-1"), item(id("a"), "1"), item(id("a"), "2"),
		item(id("posted"), "1"), item(id("used"), "1"), item("", "3"), item(id("b"), "1"),
	}, ",")+"]")
	if r.Accepted != 3 || r.Duplicates != 2 || r.Conflicts != 2 || r.Invalid != 1 {
		t.Errorf("counted %+v", r)
	}
	var got []string
	for _, i := range r.Items {
		got = append(got, fmt.Sprint(i.Index, " ", i.Status, " ", i.Minted))
	}
	want := []string{
		"1 invalid false", "2 duplicate false", "3 conflict false", "4 duplicate false",
		"5 conflict false", "6 accepted true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.kept[1].RequestID == "" || s.kept[1].RequestID != r.Items[5].RequestID {
		t.Errorf("the minted id %q was told as %q", s.kept[1].RequestID, r.Items[5].RequestID)
	}
	if again := take(t, in, item(id("b"), "1")); again.Duplicates != 1 {
		t.Errorf("what was taken a moment ago is %+v", again)
	}
	if again := take(t, in, item(id("b"), "9")); again.Conflicts != 1 {
		t.Errorf("another content a moment later is %+v", again)
	}
}

// While the book does not answer, events are taken; it is asked again later,
// not for every request.
func TestTakenWithoutTheBook(t *testing.T) {
	s := &shelf{down: errors.New("the database is down")}
	in := newIntake(s)
	for i := range 5 {
		r := take(t, in, strings.Replace(resourceEvent, "r-1", fmt.Sprint("r-", i), 1))
		if r.Accepted != 1 {
			t.Fatalf("taken: %+v", r)
		}
	}
	if s.asked != 1 {
		t.Errorf("the book was asked %d times, want once", s.asked)
	}
}

// What could not be kept is not remembered: sending it again is right.
func TestNotKeptNotRemembered(t *testing.T) {
	s := &shelf{full: invoq.Errorf(invoq.KindUnavailable, "full")}
	in := newIntake(s)
	_, err := in.Take(t.Context(), Request{Body: []byte(resourceEvent), Scope: acme})
	if invoq.KindOf(err) != invoq.KindUnavailable {
		t.Errorf("a full queue is %v", err)
	}
	s.full = nil
	if r := take(t, in, resourceEvent); r.Accepted != 1 {
		t.Errorf("sent again: %+v", r)
	}
}

func TestInvalidItems(t *testing.T) {
	f := func(old, new, says string) {
		t.Helper()
		s := &shelf{}
		body := strings.Replace(resourceEvent, old, new, 1)
		if body == resourceEvent {
			t.Fatalf("%q is not in the event", old)
		}
		r := take(t, newIntake(s), body)
		if r.Invalid != 1 || len(s.kept) != 0 || !strings.Contains(r.Items[0].Error, says) {
			t.Errorf("%s → %s: %+v, want %q", old, new, r, says)
		}
	}
	f(`1200.5`, `-1`, "negative")
	f(`1200.5`, `1e400`, "digits")
	f(`1200.5`, `9223372036854775808`, "out of range")
	f(`1200.5`, `0.12345678901234567`, "decimal places")
	f(`1200.5`, `"1"`, "wrong kind")
	f(`1200.5`, `true`, "wrong kind")
	f(`1200.5`, `null`, "wrong kind")
	f(`1200.5`, `[1]`, "wrong kind")
	f(`"quantity":1200.5,`, ``, "quantity is missing")
	f(`1200.5`, `1,"quantity":9`, "there twice")
	f(`1200.5`, `1,"is_admin":true`, "not known")
	f(`1200.5`, `1,"billedCost":0`, "not known")
	f(`"requestId"`, `"tenant_id":"zeta","requestId"`, "not the key's own")
	f(`AI_TOKENS`, `TOKENS`, "not one of")
	f(`"provider":"openai"`, `"provider":"open\u0000ai"`, "does not print")
	f(`"r-1"`, `"`+strings.Repeat("x", 129)+`"`, "129 bytes")
	f(`"r-1"`, `"window:r-1"`, "Invoq's own")
	f(`2026-03-01T11`, `2026-03-01T14`, "ahead")
	f(`2026-03-01T11`, `2024-03-01T11`, "days ago")
	f(`2026-03-01T11:00:00.1234567+01:00`, `1767225600`, "not of the form")
	f(`"userId"`, `"service_name":"x","userId"`, "two kinds")
	f(`"userId"`, `"invocations":1,"userId"`, "quantity alone")
	f(`"userId"`, `"labels":{"a":1},"userId"`, "is no text")
	f(`"userId"`, `"labels":{"a":"1","a":"2"},"userId"`, "there twice")
}

// A body that is no JSON is refused whole.
func TestInvalidBodies(t *testing.T) {
	f := func(body string, want invoq.Kind) {
		t.Helper()
		s := &shelf{}
		_, err := newIntake(s).Take(t.Context(), Request{Body: []byte(body), Scope: acme})
		if invoq.KindOf(err) != want || len(s.kept) != 0 {
			t.Errorf("%.60s: %v, %d kept; want %s", body, err, len(s.kept), want)
		}
	}
	f(``, invoq.KindInvalid)
	f(`{`, invoq.KindInvalid)
	f(resourceEvent+`x`, invoq.KindInvalid)
	f(`[`+resourceEvent+`,]`, invoq.KindInvalid)
	f(`[`+resourceEvent, invoq.KindInvalid)
	f(strings.Replace(resourceEvent, "1200.5", "01", 1), invoq.KindInvalid)
	f(strings.Replace(resourceEvent, "1200.5", "NaN", 1), invoq.KindInvalid)
	f(strings.Replace(resourceEvent, "1200.5", "1.", 1), invoq.KindInvalid)
	f(strings.Replace(resourceEvent, "ann", "a\nn", 1), invoq.KindInvalid)
	f(strings.Replace(resourceEvent, "ann", "\xff", 1), invoq.KindInvalid)
	f(strings.Replace(resourceEvent, "ann", `\ud800`, 1), invoq.KindInvalid)
	f(strings.Repeat("[", 1000), invoq.KindInvalid)
	f(`[`+strings.Repeat("{},", MaxBatch)+`{}]`, invoq.KindTooLarge)
	f(strings.Repeat(" ", MaxBodyBytes+1), invoq.KindTooLarge)
}

func TestContentTypes(t *testing.T) {
	f := func(contentType, encoding, body string, want invoq.Kind, accepted int) {
		t.Helper()
		s := &shelf{}
		r, err := newIntake(s).Take(t.Context(), Request{
			ContentType: contentType, ContentEncoding: encoding, Body: []byte(body), Scope: acme,
		})
		if invoq.KindOf(err) != want || r.Accepted != accepted {
			t.Errorf("%s %s: %v, %+v", contentType, encoding, err, r)
		}
	}
	ce := `{"specversion":"1.0","id":"1","source":"/till","type":"usage","time":"2026-03-01T11:00:00Z",
		"subject":"ann","datacontenttype":"application/json","traceparent":"00-1",
		"data":{"resourceType":"PAYMENT_TX","service":"pay","quantity":1}}`
	f("application/json; charset=utf-8", "", resourceEvent, "", 1)
	f("", "identity", resourceEvent, "", 1)
	f("text/plain", "", resourceEvent, invoq.KindUnsupported, 0)
	f("application/json", "gzip", resourceEvent, invoq.KindUnsupported, 0)
	f("application/cloudevents+json", "", ce, "", 1)
	f("application/cloudevents-batch+json", "", "["+ce+"]", "", 1)
	f("application/cloudevents-batch+json", "", ce, invoq.KindInvalid, 0)
	f("application/cloudevents+json", "", strings.Replace(ce, "1.0", "0.3", 1), "", 0)
	f("application/cloudevents+json", "", strings.Replace(ce, `"id":"1",`, "", 1), "", 0)
	f("application/cloudevents+json", "", strings.Replace(ce, `"data"`, `"data_base64"`, 1), "", 0)
	f("application/cloudevents+json", "", strings.Replace(ce, `"subject"`, `"id":"2","subject"`, 1), "", 0)
}

// The envelope of a CloudEvent fills in what its data leaves open.
func TestCloudEventEnvelope(t *testing.T) {
	s := &shelf{}
	body := `{"data":{"resourceType":"PAYMENT_TX","service":"pay","quantity":1},"subject":"ann",
		"specversion":"1.0","id":"1","source":"/till","type":"usage","time":"2026-03-01T11:00:00Z"}`
	_, err := newIntake(s).Take(t.Context(), Request{
		ContentType: "application/cloudevents+json", Body: []byte(body), Scope: acme,
	})
	want := []invoq.Event{{
		Tenant: "acme", RequestID: "/till#1", User: "ann", Service: "pay",
		Time: noon.Add(-time.Hour), ReceivedAt: noon, Measures: measures("PAYMENT_TX", "1"),
	}}
	if diff := cmp.Diff(want, s.kept); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// An attribute that is null is one that is not there (CloudEvents, JSON Event
// Format 1.0.2, section 2.1).
func TestCloudEventNull(t *testing.T) {
	f := func(attributes string, want Status) {
		t.Helper()
		body := `{"specversion":"1.0","source":"/till","type":"usage",` + attributes + `,"data":{
			"resourceType":"PAYMENT_TX","service":"pay","quantity":1,"timestamp":"2026-03-01T11:00:00Z"}}`
		r, err := newIntake(&shelf{}).Take(t.Context(), Request{
			ContentType: "application/cloudevents+json", Body: []byte(body), Scope: acme,
		})
		if err != nil || r.Items[0].Status != want {
			t.Errorf("%s: %+v, %v, want %s", attributes, r.Items, err, want)
		}
	}
	f(`"id":"1","subject":null,"time":null,"datacontenttype":null`, StatusAccepted)
	f(`"id":null`, StatusInvalid)
	f(`"id":"1","subject":7`, StatusInvalid)
}

// BenchmarkTake parses, judges and hands over batches of a hundred.
func BenchmarkTake(b *testing.B) {
	s := &shelf{down: errors.New("down")}
	in := newIntake(s)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		var body strings.Builder
		for i := range 100 {
			body.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
			body.WriteString(strings.Replace(resourceEvent, "r-1", fmt.Sprint("r-", n), 1))
			n++
		}
		body.WriteString("]")
		s.kept = s.kept[:0]
		b.StartTimer()
		r, err := in.Take(b.Context(), Request{Body: []byte(body.String()), Scope: acme})
		if err != nil || r.Accepted != 100 {
			b.Fatal(err, r)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
