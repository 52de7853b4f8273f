package api

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"

	"invoq"
	"invoq/access"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// pusher pushes to one server with a key; every push has a time of its own, so
// that no two contradict each other.
type pusher struct {
	r   *running
	key string
	t   int64
}

// now returns a time that no push had before.
func (p *pusher) now() int64 {
	p.t += 20
	return p.t
}

// sample returns a series with one sample.
func (p *pusher) sample(v float64, labels ...string) ingesttest.Series {
	return ingesttest.Series{Labels: labels, Samples: []ingest.Sample{{T: p.now(), V: v}}}
}

// histogram returns a series with one native histogram of so many observations
// in each of the kinds of bucket.
func (p *pusher) histogram(h *histogram.Histogram, labels ...string) ingesttest.Series {
	return ingesttest.Series{Labels: labels, Histograms: []ingest.Histogram{{T: p.now(), Int: h}}}
}

// traced adds an exemplar to a series.
func traced(s ingesttest.Series, labels ...string) ingesttest.Series {
	at := int64(0)
	if len(s.Samples) > 0 {
		at = s.Samples[len(s.Samples)-1].T
	} else if len(s.Histograms) > 0 {
		at = s.Histograms[0].T
	}
	s.Exemplars = append(s.Exemplars, ingesttest.Exemplar{Labels: labels, T: at, V: 1})
	return s
}

// described adds metadata to a series.
func described(s ingesttest.Series, kind byte, help, unit string) ingesttest.Series {
	s.Type, s.Help, s.Unit = kind, help, unit
	return s
}

// push sends the series by 2.0 and holds the answer against what is wanted: a
// status, and how many samples, histograms and exemplars were written.
func (p *pusher) push(name string, status int, want [3]int, series ...ingesttest.Series) {
	p.r.t.Helper()
	a := p.r.ask(p.key, "POST", "/api/v1/write", ingesttest.EncodeSnappy2(series...),
		"Content-Type", ingesttest.ContentType2, "Content-Encoding", "snappy",
		"X-Prometheus-Remote-Write-Version", "2.0.0")
	if got := written(a); a.status != status || got != fmt.Sprint(want) {
		p.r.t.Errorf("%s: %d and %s written, want %d and %v: %s", name, a.status, got, status, want, a.body)
	}
	if status == http.StatusNoContent && a.body != "" {
		p.r.t.Errorf("%s: a body in an answer of 204: %s", name, a.body)
	}
}

// written returns the three counts of an answer as a list shows them.
func written(a said) string {
	const prefix = "X-Prometheus-Remote-Write-"
	return fmt.Sprintf("[%s %s %s]", a.header.Get(prefix+"Samples-Written"),
		a.header.Get(prefix+"Histograms-Written"), a.header.Get(prefix+"Exemplars-Written"))
}

func newPusher(t *testing.T) *pusher {
	r := serve(t)
	_, keys := r.tenant("acme")
	return &pusher{r: r, key: keys[access.Ingest], t: time.Now().Add(-time.Minute).UnixMilli()}
}

// The cases that the compliance suite of remote write 2.0 has for receivers:
// samples of every kind of value and label.
func TestReceiverTakesSamples(t *testing.T) {
	p := newPusher(t)
	for name, v := range map[string]float64{
		"a number": 1, "a stale marker": math.Float64frombits(value.StaleNaN), "NaN": math.Float64frombits(value.NormalNaN),
		"infinity": math.Inf(1), "-infinity": math.Inf(-1),
	} {
		f := func(what string, status, n int, all ...ingesttest.Series) {
			t.Helper()
			p.push(name+", "+what, status, [3]int{n, 0, 0}, all...)
		}
		up := func(labels ...string) ingesttest.Series {
			return p.sample(v, append([]string{"__name__", "up"}, labels...)...)
		}
		f("a name", 204, 1, up())
		f("labels", 204, 1, up("job", "j", "instance", "localhost:9090"))
		f("labels that are not sorted", 204, 1, up("zone", "a", "job", "j"))
		f("newlines", 204, 1, up("job", "test\njob\n"))
		f("dots", 204, 1, p.sample(v, "__name__", "resource.cpu.usage", "job.name", "j"))
		f("spaces", 204, 1, p.sample(v, "__name__", "resource cpu usage", "job name", "j"))
		f("no name", 400, 0, p.sample(v, "job", "j"))
		f("no labels", 400, 0, p.sample(v))
		f("many", 204, 3, up("instance", "1"), up("instance", "2"), up("instance", "3"))
		f("many, none with a name", 400, 0, p.sample(v, "job", "1"), p.sample(v, "job", "2"))
		f("many, one without a name", 400, 2, p.sample(v, "job", "1"), up("instance", "1"), up("instance", "2"))
		f("a label twice", 400, 1, up("a", "1", "a", "2"), up())
	}
	started := p.sample(100, "__name__", "http_requests_total", "job", "api")
	started.Samples[0].Start = time.Now().Add(-time.Hour).UnixMilli()
	p.push("a start", 204, [3]int{1, 0, 0}, started)
	p.push("nothing", 204, [3]int{})
	late := p.sample(1, "__name__", "late")
	late.Samples[0].T -= (3 * time.Hour).Milliseconds()
	p.push("a late one beside a good one", 400, [3]int{1, 0, 0}, late, p.sample(1, "__name__", "late"))
	good := p.sample(1, "__name__", "again")
	p.push("one", 204, [3]int{1, 0, 0}, good)
	p.push("the same again", 204, [3]int{1, 0, 0}, good)
	good.Samples[0].V = 2
	p.push("another value for its time", 400, [3]int{0, 0, 0}, good)
	p.push("an infinite counter", 400, [3]int{1, 0, 0}, p.sample(math.Inf(1), "__name__", "f_requests_total"),
		p.sample(1, "__name__", "f_requests_total", "pod", "b"))
}

// shape returns a histogram with buckets of the kinds that are named.
func shape(kinds string) *histogram.Histogram {
	h := &histogram.Histogram{Sum: 1.5}
	for kind := range strings.FieldsSeq(kinds) {
		switch kind {
		case "positive":
			h.PositiveSpans = []histogram.Span{{Length: 3}, {Offset: 2, Length: 2}}
			h.PositiveBuckets = []int64{1, 2, 1, 3, 1} // 1, 3, 4, 7, 8
			h.Count += 23
		case "negative":
			h.NegativeSpans = []histogram.Span{{Length: 2}}
			h.NegativeBuckets = []int64{1, 1}
			h.Count += 3
		case "zero":
			h.ZeroCount = 1
			h.Count++
		case "custom":
			h.Schema = histogram.CustomBucketsSchema
			h.CustomValues = []float64{0.1, 0.5, 1, 2.5, 5, 10}
			h.PositiveSpans = []histogram.Span{{Length: 6}}
			h.PositiveBuckets = []int64{2, 1, 2, 3, -1, -2} // 2, 3, 5, 8, 7, 5
			h.Count = 30
		case "wrong":
			h.Count = 99
		}
	}
	return h
}

// Histograms of every shape, exemplars and metadata, alone and together.
func TestReceiverTakesHistogramsExemplarsAndMetadata(t *testing.T) {
	p := newPusher(t)
	for kinds, status := range map[string]int{
		"positive negative zero": 204, "custom": 204, "positive zero": 204, "negative": 204, "zero": 204, "": 204,
		"positive wrong": 400,
	} {
		n := 1
		if status != 204 {
			n = 0
		}
		p.push("histogram: "+kinds, status, [3]int{0, n, 0}, p.histogram(shape(kinds), "__name__", "h", "kinds", kinds))
	}
	all := "positive negative zero"
	started := p.histogram(shape(all), "__name__", "request_duration_seconds")
	started.Histograms[0].Start = time.Now().Add(-30 * time.Minute).UnixMilli()
	p.push("a histogram with its start", 204, [3]int{0, 1, 0}, started)
	p.push("two histograms", 204, [3]int{0, 2, 0},
		p.histogram(shape("positive"), "__name__", "h1"), p.histogram(shape("negative"), "__name__", "h2"))
	p.push("a good one and a bad one", 400, [3]int{0, 1, 0},
		p.histogram(shape("positive wrong"), "__name__", "h3"), p.histogram(shape("zero"), "__name__", "h4"))

	for name, labels := range map[string][]string{
		"a trace": {"trace_id", "abc"}, "two labels": {"trace_id", "abc", "span_id", "d"}, "no trace": {"user", "u"},
		"no labels": {}, "unicode": {"trace_id", "trace_测试"},
	} {
		p.push("exemplar with "+name, 204, [3]int{1, 0, 1}, traced(p.sample(1, "__name__", "c_"+name), labels...))
	}
	p.push("exemplars of three", 204, [3]int{3, 0, 3}, traced(p.sample(1, "__name__", "e", "m", "1"), "trace_id", "1"),
		traced(p.sample(1, "__name__", "e", "m", "2"), "trace_id", "2"), traced(p.sample(1, "__name__", "e2"), "trace_id", "3"))
	p.push("an exemplar of a histogram", 204, [3]int{0, 1, 1},
		traced(p.histogram(shape(all), "__name__", "he"), "trace_id", "1"))
	p.push("an exemplar of a series without a name", 400, [3]int{0, 0, 0}, traced(p.sample(1, "job", "j"), "trace_id", "1"))
	p.push("an exemplar that is too long", 400, [3]int{1, 0, 0},
		traced(p.sample(1, "__name__", "long"), "trace_id", strings.Repeat("x", 200)))
	// The TSDB keeps exemplars of what it stores alone.
	p.push("an exemplar of nothing", 400, [3]int{0, 0, 0}, traced(ingesttest.Series{Labels: []string{"__name__", "x"}}, "a", "b"))

	for kind := range byte(8) {
		p.push("metadata", 204, [3]int{1, 0, 0}, described(p.sample(1, "__name__", fmt.Sprint("m", kind)), kind, "Help \"me\".\n", "bytes/s"))
	}
	p.push("metadata of a histogram", 204, [3]int{0, 1, 1},
		described(traced(p.histogram(shape(all), "__name__", "size_bytes"), "trace_id", "x"), 3, "How large.", "bytes"))
	p.push("metadata of nothing", 204, [3]int{0, 0, 0}, described(ingesttest.Series{Labels: []string{"__name__", "orphan"}}, 1, "x", ""))
	p.push("metadata without a name", 400, [3]int{0, 0, 0}, described(p.sample(1, "job", "j"), 1, "x", ""))
	var many []ingesttest.Series
	for i := range 50 {
		s := traced(p.sample(float64(i), "__name__", fmt.Sprintf("counter_%d", i)), "trace_id", fmt.Sprint(i))
		many = append(many, described(s, 1, "A counter.", "count"))
	}
	p.push("fifty of all", 204, [3]int{50, 0, 50}, many...)

	meta := p.r.ask(p.r.owner, "GET", "/api/v1/metadata?metric=size_bytes", nil)
	if !strings.Contains(meta.body, `"size_bytes":[{"type":"histogram","help":"How large.","unit":"bytes"}]`) {
		t.Errorf("metadata: %s", meta.body)
	}
	q := p.r.ask(p.r.owner, "GET", "/api/v1/query?query=histogram_count(size_bytes)", nil)
	if !strings.Contains(q.body, `"27"]`) {
		t.Errorf("a stored histogram: %s", q.body)
	}
}

// What a request says of itself is read before its body is.
func TestReceiverNegotiates(t *testing.T) {
	p := newPusher(t)
	body := ingesttest.EncodeSnappy2(p.sample(1, "__name__", "up"))
	f := func(name string, status int, wantWritten string, body []byte, headers ...string) {
		t.Helper()
		a := p.r.ask(p.key, "POST", "/api/v1/write", body, headers...)
		if a.status != status || written(a) != wantWritten {
			t.Errorf("%s: %d, written %s: %s", name, a.status, written(a), a.body)
		}
	}
	const none, zero = "[  ]", "[0 0 0]"
	corrupt := append([]byte{'0'}, body[1:]...)
	f("JSON", 415, none, corrupt, "Content-Type", "application/json", "Content-Encoding", "snappy")
	f("an image", 415, none, corrupt, "Content-Type", "image/png", "Content-Encoding", "snappy")
	f("gzip", 415, none, corrupt, "Content-Type", ingesttest.ContentType2, "Content-Encoding", "gzip")
	f("deflate", 415, none, corrupt, "Content-Type", ingesttest.ContentType2, "Content-Encoding", "deflate")
	f("zstd", 415, none, corrupt, "Content-Type", ingesttest.ContentType2, "Content-Encoding", "zstd")
	f("a corrupt body", 400, zero, corrupt, "Content-Type", ingesttest.ContentType2, "Content-Encoding", "snappy")
	f("a corrupt message", 400, zero, snappy.Encode(nil, []byte{0x2a, 0xff}),
		"Content-Type", ingesttest.ContentType2, "Content-Encoding", "snappy")
	f("2.0", 204, "[1 0 0]", body, "Content-Type", ingesttest.ContentType2, "Content-Encoding", "snappy")
	f("2.0, said otherwise", 204, "[1 0 0]", body,
		"Content-Type", `application/x-protobuf; proto="io.prometheus.write.v2.Request"`, "Content-Encoding", "snappy")
	v1 := ingesttest.EncodeSnappy(p.sample(1, "__name__", "up"))
	f("1.0", 204, none, v1, "Content-Type", "application/x-protobuf", "Content-Encoding", "snappy")
	f("1.0 in full", 204, none, v1,
		"Content-Type", "application/x-protobuf;proto=prometheus.WriteRequest", "Content-Encoding", "snappy")
	f("1.0, corrupt", 400, none, append([]byte{0xff}, v1[1:]...),
		"Content-Type", "application/x-protobuf", "Content-Encoding", "snappy")
	// A message of 1.0 has none of the fields of 2.0.
	f("1.0 for 2.0", 204, zero, v1, "Content-Type", ingesttest.ContentType2, "Content-Encoding", "snappy")

	ahead := p.sample(1, "__name__", "ahead")
	ahead.Samples[0].T += time.Hour.Milliseconds()
	f("an agent that sends again all but 400", 400, none, ingesttest.EncodeSnappy(ahead), "User-Agent", "vmagent")
	f("others", 422, none, ingesttest.EncodeSnappy(ahead))
	bomb := snappy.Encode(nil, make([]byte, p.r.server.Receiver.Limits().DecodedBytes+1))
	f("too much of it", 400, none, bomb, "User-Agent", "vmagent/1.2")
	f("too much of others", 413, none, bomb)
}

// What was refused can be read by the tenant whose it was, and by the owner.
func TestRejectionsAreListed(t *testing.T) {
	p := newPusher(t)
	_, zeta := p.r.tenant("zeta")
	acme := p.r.mint(access.Key{Name: "v", Role: access.Viewer, TenantID: p.r.tenantID("acme")})
	late := p.sample(1, "__name__", "late", "pod", "canary")
	late.Samples[0].T -= (3 * time.Hour).Milliseconds()
	p.push("late", 400, [3]int{}, late)
	p.push("nameless", 400, [3]int{}, p.sample(1, "job", "j"), p.sample(1, "job", "k"))
	all := p.r.mint(access.Key{Name: "all", Role: access.Ingest})
	p.r.ask(all, "POST", "/api/v1/write", ingesttest.EncodeSnappy(
		ingesttest.Series{Labels: []string{"__name__", "x", "tenant", "zeta"}, Samples: []ingest.Sample{{T: 1}}},
		ingesttest.Series{Labels: []string{"tenant", "zeta"}, Samples: []ingest.Sample{{T: p.now()}}}))

	f := func(who, key, query, want string) {
		t.Helper()
		var got Rejections
		p.r.decode(p.r.ask(key, "GET", "/api/v1/ingest/rejections"+query, nil), &got)
		var lines []string
		for _, r := range got.Items {
			lines = append(lines, fmt.Sprintf("%s %s %d", r.Tenant, r.Reason, r.Count))
			if r.Example == "" || time.Since(r.Last) > time.Minute {
				t.Errorf("%s: %+v", who, r)
			}
		}
		if got := strings.Join(lines, ", "); got != want {
			t.Errorf("%s sees %s, want %s", who, got, want)
		}
	}
	f("acme", acme, "", "acme missing_name 2, acme too_old 1")
	f("zeta", zeta[access.Viewer], "", "zeta in_seconds 1")
	f("the owner", p.r.owner, "", " missing_name 1, acme missing_name 2, acme too_old 1, zeta in_seconds 1")
	f("the owner, of zeta", p.r.owner, "?tenant_id=zeta", "zeta in_seconds 1")
	if a := p.r.ask(zeta[access.Viewer], "GET", "/api/v1/ingest/rejections?tenant_id=acme", nil); a.status != 404 {
		t.Errorf("zeta asks for acme's: %d %s", a.status, a.body)
	}
}

// tenantID returns the id of a tenant.
func (r *running) tenantID(name string) invoq.TenantID {
	r.t.Helper()
	var t struct{ ID string }
	r.decode(r.ask(r.owner, "GET", "/api/v1/tenants/"+name, nil), &t)
	return invoq.TenantID(t.ID)
}
