package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"

	"invoq/access"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// heapGrowth is what the heap may grow by over the whole table.
const heapGrowth = 64 << 20

// Inputs made to break things: each has its status, the process lives on, and
// its memory stays bounded.
func TestMaliciousInputs(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	_, other := r.tenant("zeta")
	before := heap()

	push := func(name string, want int, body []byte, headers ...string) {
		t.Helper()
		headers = append([]string{"Content-Type", "application/x-protobuf", "Content-Encoding", "snappy"}, headers...)
		a := r.ask(keys[access.Ingest], "POST", "/api/v1/write", body, headers...)
		if a.status != want {
			t.Errorf("push of %s: %d, want %d: %s", name, a.status, want, a.body)
		}
	}
	raw := func(unit string, n int) []byte { return snappy.Encode(nil, bytes.Repeat([]byte(unit), n)) }
	now := time.Now().UnixMilli()
	series := func(v float64, at int64, labels ...string) []byte {
		return ingesttest.EncodeSnappy(ingesttest.Series{Labels: labels, Samples: []ingest.Sample{{T: at, V: v}}})
	}
	m := []string{"__name__", "m"}
	counter := []string{"__name__", "f_requests_total", "service", "f"}

	push("millions of empty series", 413, raw("\x0a\x00", 4<<20))
	push("more than is read", 413, raw("x", 17<<20))
	push("truncated snappy", 400, series(1, now, m...)[:8])
	push("gzip", 415, gzipped(t, 1<<10), "Content-Encoding", "gzip")
	push("JSON", 415, []byte("{}"), "Content-Type", "application/json")
	push("a message of a 3.0", 415, nil, "Content-Type", "application/x-protobuf;proto=io.prometheus.write.v3.Request")
	push("a label twice", 400, series(1, now, "__name__", "m", "a", "1", "a", "2"))
	push("a label of 1 MiB", 422, series(1, now, "__name__", "m", "a", strings.Repeat("x", 1<<20)))
	push("no name", 400, series(1, now, "a", "1"))
	push("labels that are not UTF-8", 400, series(1, now, "__name__", "m", "a", "\xff\xfe"))
	push("NaN in a counter", 422, series(math.NaN(), now, counter...))
	push("infinity in a counter", 422, series(math.Inf(-1), now, counter...))
	push("NaN in a gauge", 204, series(math.NaN(), now, m...))
	push("a year ahead", 422, series(1, now+365*24*3600*1000, m...))
	push("seconds for milliseconds", 422, series(1, now/1000, m...))
	push("the year 1970", 400, series(1, 0, m...))
	push("the end of time", 422, series(1, math.MaxInt64, m...))
	push("the beginning of time", 400, series(1, math.MinInt64, m...))
	push("another's tenant label", 204, series(1, now, "__name__", "spoof", "tenant", "zeta"))
	push("another's header", 204, series(1, now, "__name__", "spoof2"), "X-Scope-OrgID", "zeta", "X-Tenant-ID", "zeta")
	many := make([]ingesttest.Series, 1100)
	for i := range many {
		many[i] = ingesttest.Series{
			Labels: []string{"__name__", "many", "n", fmt.Sprint(i)}, Samples: []ingest.Sample{{T: now, V: 1}},
		}
	}
	push("more series than a tenant may have", 429, ingesttest.EncodeSnappy(many...))
	for _, canary := range []string{"spoof", "spoof2", "many"} {
		a := r.ask(other[access.Viewer], "GET", "/api/v1/query?query="+canary, nil)
		if a.status != 200 || !strings.Contains(a.body, `"result":[]`) {
			t.Errorf("%s reached another tenant: %s", canary, a.body)
		}
	}

	query := func(name string, want int, path string, form url.Values) {
		t.Helper()
		a := r.ask(keys[access.Viewer], "POST", path, []byte(form.Encode()),
			"Content-Type", "application/x-www-form-urlencoded")
		if a.status != want || strings.Contains(a.body, "zeta") {
			t.Errorf("query %s: %d, want %d: %.200s", name, a.status, want, a.body)
		}
	}
	promql := func(name string, want int, expr string) {
		t.Helper()
		query(name, want, "/api/v1/query", url.Values{"query": {expr}})
	}
	if a := r.ask(other[access.Ingest], "POST", "/api/v1/write", series(1, now, m...)); a.status != 204 {
		t.Fatal(a.body)
	}
	promql("of 80 KB", 413, strings.Repeat("1+", 40_000)+"1")
	promql("that nests deep", 400, strings.Repeat("(", 4000)+"1")
	promql("of nothing", 400, "")
	promql("of nonsense", 400, "sum by (")
	promql("with an experimental function", 400, "info(m)")
	promql("of another tenant", 200, `m{tenant="zeta"}`)
	promql("of anything", 400, `{tenant=~".*"}`)
	promql("of every tenant", 200, `{tenant=~".+"}`)
	promql("of any or another", 200, `m or m{tenant="zeta"} or {__name__=~".+",tenant!="acme"}`)
	promql("at another time", 200, fmt.Sprintf(`m{tenant="zeta"} @ %d offset -1s`, now/1000))
	promql("with points without end", 422, `sum_over_time(vector(1)[30d:1ms])`)
	hour := url.Values{"query": {"m"}, "start": {"0"}, "end": {"31536000"}, "step": {"0.001"}}
	query("with a step of 1 ms over a year", 400, "/api/v1/query_range", hour)
	query("with a step of 0", 400, "/api/v1/query_range", url.Values{"query": {"m"}, "start": {"0"}, "end": {"1"}, "step": {"0"}})
	query("that ends before it starts", 400, "/api/v1/query_range",
		url.Values{"query": {"m"}, "start": {"9"}, "end": {"1"}, "step": {"1"}})
	query("at no time", 400, "/api/v1/query", url.Values{"query": {"m"}, "time": {"tomorrow"}})
	query("at infinity", 400, "/api/v1/query", url.Values{"query": {"m"}, "time": {"+Inf"}})
	query("of series of all tenants", 200, "/api/v1/series", url.Values{"match[]": {`{tenant=~".+"}`}})
	query("of labels of all tenants", 200, "/api/v1/labels", url.Values{"match[]": {`{tenant="zeta"}`}})
	if a := r.ask(keys[access.Viewer], "GET", "/api/v1/label/tenant/values", nil); strings.Contains(a.body, "zeta") {
		t.Errorf("values of the tenant label: %s", a.body)
	}

	rest := func(name string, want int, method, path, body string, headers ...string) {
		t.Helper()
		a := r.ask(r.owner, method, path, []byte(body), append([]string{"Content-Type", "application/json"}, headers...)...)
		if a.status != want {
			t.Errorf("%s: %d, want %d: %.300s", name, a.status, want, a.body)
		}
	}
	const tenants, plans = "/api/v1/tenants", "/api/v1/pricing/plans"
	rest("a key in the URL", 400, "GET", tenants+"?api_key="+r.owner, "")
	rest("a limit of 10^9", 400, "GET", tenants+"?limit=1000000000", "")
	rest("a limit of -1", 400, "GET", tenants+"?limit=-1", "")
	rest("a forged cursor", 400, "GET", tenants+"?after=%21%21", "")
	rest("a forged cursor of usage", 400, "GET", "/api/v1/usage?after=AAAA", "")
	rest("a window of 7m", 400, "GET", "/api/v1/usage?window=7m", "")
	rest("fields nobody asked for", 422, "POST", tenants, `{"name":"x","role":"owner","is_admin":true}`)
	rest("an id of one's own", 422, "POST", tenants, `{"name":"x","id":"00000000-0000-0000-0000-000000000000"}`)
	rest("a key twice", 400, "POST", tenants, `{"name":"a","name":"b"}`)
	rest("JSON cut short", 400, "POST", tenants, `{"name":`)
	rest("two JSON values", 400, "POST", tenants, `{"name":"a"}{"name":"b"}`)
	rest("JSON without a bottom", 400, "POST", tenants, strings.Repeat(`{"a":`, 10_000))
	rest("a body of 2 MiB", 413, "POST", tenants, `{"name":"`+strings.Repeat("x", 2<<20)+`"}`)
	rest("a compressed body", 415, "POST", tenants, string(gzipped(t, 64<<20)), "Content-Encoding", "gzip")
	rest("XML", 415, "POST", tenants, `<name/>`, "Content-Type", "application/xml")
	rest("a name that does not print", 422, "POST", tenants, `{"name":"a\u0000b"}`)
	rest("a name of spaces", 422, "POST", tenants, `{"name":"  "}`)
	rest("SQL in a name", 201, "POST", tenants, `{"name":"x'); DROP TABLE tenants; --"}`)
	rest("a currency there is not", 422, "POST", tenants, `{"name":"y","currency":"XXZ"}`)
	rest("a time zone there is not", 422, "POST", tenants, `{"name":"y","timezone":"Mars/Base"}`)
	rest("a time zone outside the folder", 422, "POST", tenants, `{"name":"y","timezone":"../../etc/passwd"}`)
	rest("an address that is none", 422, "POST", tenants, `{"name":"y","billing_email":"a@b\r\nBcc: c@d"}`)
	rest("a negative price", 422, "POST", plans, `{"name":"p","currency":"USD","price_per_invocation":"-1"}`)
	rest("a price of NaN", 422, "POST", plans, `{"name":"p","currency":"USD","price_per_invocation":"NaN"}`)
	rest("a price of 1e400", 422, "POST", plans, `{"name":"p","currency":"USD","price_per_invocation":"1e400"}`)
	rest("a price that is true", 422, "POST", plans, `{"name":"p","currency":"USD","price_per_invocation":true}`)
	rest("a price that is null", 422, "POST", plans, `{"name":"p","currency":"USD","price_per_invocation":null}`)
	rest("a rate with a field there is not", 422, "POST", plans,
		`{"name":"p","currency":"USD","rates":[{"meter":"invocations","price":"1","bonus":1}]}`)
	rest("a meter priced twice", 422, "POST", plans,
		`{"name":"p","currency":"USD","price_per_invocation":"1","rates":[{"meter":"invocations","price":"2"}]}`)
	rest("a period of nothing", 422, "POST", "/api/v1/billing/calculate",
		`{"tenant_id":"acme","period_start":"2026-02-01","period_end":"2026-02-01"}`)
	rest("a month 13", 422, "POST", "/api/v1/billing/calculate",
		`{"tenant_id":"acme","period_start":"2026-13-01","period_end":"2026-14-01"}`)
	rest("a method there is not", 405, "DELETE", tenants, "")
	rest("a path there is not", 404, "GET", "/api/v1/../../etc/passwd", "")
	rest("an asset outside the folder", 404, "GET", "/assets/..%2f..%2fpages/login.html", "")

	wire := func(name string, want int, request string) {
		t.Helper()
		if got := r.raw(request); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	wire("a length and an encoding", 400, "POST /api/v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	wire("two lengths", 400, "POST /api/v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")
	wire("a header of 64 KiB", 431, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	wire("something else than HTTP", 400, "EHLO example.org\r\n\r\n")

	if a := r.ask("", "GET", "/healthz", nil); a.status != 200 {
		t.Errorf("the server is not well: %d", a.status)
	}
	if grown := heap() - before; grown > heapGrowth {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// A client that sends its request a byte at a time is cut off.
func TestSlowClientsAreCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the read timeout")
	}
	r := serve(t)
	c, err := net.Dial("tcp", r.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: ")); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	if err := c.SetReadDeadline(started.Add(2 * readTimeout)); err != nil {
		t.Fatal(err)
	}
	// Whatever the answer is, the connection ends with it.
	for buf := make([]byte, 1024); err == nil; {
		_, err = c.Read(buf)
	}
	if took := time.Since(started); took > readTimeout+readTimeout/2 {
		t.Errorf("the connection was open for %s", took)
	}
}

// raw sends bytes and returns the status of the answer, 0 for none.
func (r *running) raw(request string) int {
	r.t.Helper()
	c, err := net.Dial("tcp", r.host)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * readTimeout)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := c.Write([]byte(request)); err != nil {
		return 0
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// gzipped returns n zero bytes, compressed.
func gzipped(t *testing.T, n int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// What a tenant may call its functions, and how much they may seem to have
// served, keeps nobody from being counted.
func TestHostileUsageHoldsNobody(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	_, others := r.tenant("zeta")
	now := time.Now().Add(-time.Minute).UnixMilli()
	push := func(key string, v float64, labels ...string) int {
		t.Helper()
		body := ingesttest.EncodeSnappy(ingesttest.Series{Labels: labels, Samples: []ingest.Sample{{T: now, V: v}}})
		return r.ask(key, "POST", "/api/v1/write", body,
			"Content-Type", "application/x-protobuf", "Content-Encoding", "snappy").status
	}
	if got := push(keys[access.Ingest], 1, "__name__", "f_requests_total", "service", "a\x00b"); got != 400 {
		t.Errorf("a name with NUL: %d, want 400", got)
	}
	long := strings.Repeat("ж", 900)
	for _, name := range []string{"a", "b", "c"} {
		push(keys[access.Ingest], 4e15, "__name__", "f_requests_total", "pod", name, "service", "huge")
		push(keys[access.Ingest], 7, "__name__", "f_requests_total", "namespace", long, "revision", long, "service", long+name)
	}
	a := r.ask(keys[access.Tenant], "POST", "/api/v1/services",
		[]byte(`{"name":"huge","memory_limit_mb":"99999999999999"}`), "Content-Type", "application/json")
	if a.status != 422 {
		t.Errorf("more memory than there is: %d, want 422: %s", a.status, a.body)
	}
	push(others[access.Ingest], 5, "__name__", "f_requests_total", "service", "fine")
	for range 2 {
		if a := r.ask(r.owner, "POST", "/api/v1/metrics/aggregate", nil); a.status != 200 || !strings.Contains(a.body, `"held":[]`) {
			t.Fatalf("aggregate: %d: %s", a.status, a.body)
		}
	}
	usage := func(key string) string {
		day := time.Now().UTC().Truncate(24 * time.Hour)
		return r.ask(key, "GET", "/api/v1/usage?window=1d&start="+day.AddDate(0, 0, -1).Format(time.RFC3339)+
			"&end="+day.AddDate(0, 0, 1).Format(time.RFC3339), nil).body
	}
	if got := usage(others[access.Viewer]); !strings.Contains(got, `"invocations":"5"`) {
		t.Errorf("the other tenant's usage: %s", got)
	}
	got := usage(keys[access.Viewer])
	if !strings.Contains(got, `"invocations":"12000000000000000"`) || strings.Count(got, `"invocations":"7"`) != 3 {
		t.Errorf("the tenant's own usage: %s", got)
	}
}

// What is asked for in a way that cannot be meant is refused as the caller's
// fault, and never as ours.
func TestOddParameters(t *testing.T) {
	r := serve(t)
	r.tenant("acme")
	f := func(method, path, body string, want int) {
		t.Helper()
		var headers []string
		if body != "" {
			headers = []string{"Content-Type", "application/json"}
		}
		if a := r.ask(r.owner, method, path, []byte(body), headers...); a.status != want {
			t.Errorf("%s %s: %d, want %d: %s", method, path, a.status, want, a.body)
		}
	}
	day := "&window=1d&start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z"
	f("GET", "/api/v1/usage?tenant_id=acme"+day, "", 200)
	f("GET", "/api/v1/usage?tenant=acme"+day, "", 400)
	f("GET", "/api/v1/usage?service=a%00b"+day, "", 400)
	f("GET", "/api/v1/usage?service=%ff"+day, "", 400)
	f("GET", "/api/v1/tenants?colour=red", "", 400)
	f("GET", "/api/v1/tenants/a%00b", "", 400)
	f("GET", "/api/v1/pricing/plans/%ff", "", 400)
	for _, list := range []string{"tenants", "keys", "services", "pricing/plans", "billing/reports/acme"} {
		f("GET", "/api/v1/"+list+"?after=zzz", "", 400)
		f("GET", "/api/v1/"+list+"?after=AP8", "", 400)
	}
	f("POST", "/api/v1/services", `{"tenant_id":"acme","name":"f","runtime":"g\u0000"}`, 422)
	f("POST", "/api/v1/services", `{"tenant_id":"acme","name":"f","tags":{"a\u0000":"b"}}`, 422)
	f("POST", "/api/v1/tenants", `{"name":"acme"}`, 409)
}

// Bodies that are announced and do not come keep the memory of a few, and others
// are told to come back; who has no key announces nothing large.
func TestBodiesAreAdmittedBeforeTheyAreRead(t *testing.T) {
	r := serve(t)
	_, keys := r.tenant("acme")
	limits := r.server.Receiver.Limits()
	for range limits.InFlightBytes / int64(limits.WireBytes) {
		release, err := r.server.Receiver.Admit(t.Context(), -1)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	a := r.ask(keys[access.Ingest], http.MethodPost, "/api/v1/write", []byte("x"))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("while others are read: %d %q", a.status, a.header.Get("Retry-After"))
	}
	form := []byte("key=" + strings.Repeat("x", loginBytes))
	a = r.ask("", http.MethodPost, "/login", form, "Content-Type", "application/x-www-form-urlencoded")
	if a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large form of nobody: %d", a.status)
	}
}
