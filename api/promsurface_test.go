package api

import (
	"context"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	config_util "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq/access"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/tsdb"
)

// twoTenants fills a server with a series of each of two tenants, alike but for
// a label, with exemplars and metadata, and returns acme's key.
func twoTenants(t *testing.T) (*running, string) {
	r := serve(t)
	_, acme := r.tenant("acme")
	_, zeta := r.tenant("zeta")
	now := time.Now().Add(-time.Minute).UnixMilli()
	for tenant, key := range map[string]string{"acme": acme[access.Ingest], "zeta": zeta[access.Ingest]} {
		s := ingesttest.Series{
			Labels:  []string{"__name__", "m_" + tenant, "job", "of-" + tenant},
			Samples: []ingest.Sample{{T: now, V: 1}, {T: now + 15_000, V: 2}},
		}
		common := s
		common.Labels = []string{"__name__", "m", "job", "of-" + tenant}
		push := []ingesttest.Series{
			described(traced(s, "trace_id", "trace-of-"+tenant), 1, "Help of "+tenant+".", ""),
			traced(common, "trace_id", "trace-of-"+tenant),
		}
		a := r.ask(key, "POST", "/api/v1/write", ingesttest.EncodeSnappy2(push...),
			"Content-Type", ingesttest.ContentType2, "Content-Encoding", "snappy")
		if a.status != 204 {
			t.Fatal(a.body)
		}
	}
	return r, acme[access.Viewer]
}

// Whatever part of the Prometheus API a tenant asks, and however, it sees its
// own series and nothing of another's.
func TestPrometheusAPIKeepsTenantsApart(t *testing.T) {
	r, key := twoTenants(t)
	f := func(want, path string, params ...string) {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(params); i += 2 {
			form.Add(params[i], params[i+1])
		}
		a := r.ask(key, "GET", path+"?"+form.Encode(), nil)
		if a.status != 200 || !strings.Contains(a.body, want) || strings.Contains(a.body, "zeta") {
			t.Errorf("%s %v: %d %s\nwant %s and nothing of zeta", path, params, a.status, a.body, want)
		}
	}
	now := time.Now()
	start, end := now.Add(-10*time.Minute).Format(time.RFC3339), now.Format(time.RFC3339)
	for _, expr := range []string{`m`, `{__name__=~"m.*"}`, `{tenant=~".+"}`, `m or {__name__=~".+",tenant!="acme"}`} {
		f("of-acme", "/api/v1/query", "query", expr)
		f("of-acme", "/api/v1/query_range", "query", expr, "start", start, "end", end, "step", "15")
		f("trace-of-acme", "/api/v1/query_exemplars", "query", expr, "start", start, "end", end)
		if !strings.Contains(expr, " or ") {
			f("of-acme", "/api/v1/series", "match[]", expr)
		}
	}
	f("[]", "/api/v1/query_exemplars", "query", `m{tenant="ze"}`, "start", start, "end", end)
	f("[]", "/api/v1/query_exemplars", "query", `1`)
	f("job", "/api/v1/labels")
	f("of-acme", "/api/v1/label/job/values")
	f("of-acme", "/api/v1/label/job/values", "match[]", `{tenant=~".+"}`)
	f("acme", "/api/v1/label/tenant/values")
	f("m_acme", "/api/v1/label/__name__/values")
	f("Help of acme.", "/api/v1/metadata")
	f(`"data":{"groups":[]}`, "/api/v1/rules")
	f(`"data":{"alerts":[]}`, "/api/v1/alerts")
	f(`"data":"sum by (job) (m)"`, "/api/v1/format_query", "query", "sum(m)by(job)")
	f(promVersion, "/api/v1/status/buildinfo")
}

// Remote read gives a tenant its series, as samples and as chunks, to
// Prometheus's own client.
func TestRemoteRead(t *testing.T) {
	r, key := twoTenants(t)
	for _, chunked := range []bool{false, true} {
		got := readAll(t, r, key, chunked)
		want := []string{`{__name__="m", job="of-acme", tenant="acme"} 1 2`, `{__name__="m_acme", job="of-acme", tenant="acme"} 1 2`}
		if !slices.Equal(got, want) {
			t.Errorf("chunked %v: %v, want %v", chunked, got, want)
		}
	}
	if got := readAll(t, r, r.owner, true); len(got) != 4 {
		t.Errorf("the owner reads %v", got)
	}
}

// readAll reads every series by remote read.
func readAll(t *testing.T, r *running, key string, chunked bool) []string {
	t.Helper()
	u, err := url.Parse(r.url + "/api/v1/read")
	if err != nil {
		t.Fatal(err)
	}
	cfg := &remote.ClientConfig{
		URL: &config_util.URL{URL: u}, Timeout: model.Duration(10 * time.Second), ChunkedReadLimit: 1 << 20,
		HTTPClientConfig: config_util.HTTPClientConfig{Authorization: &config_util.Authorization{
			Type: "Bearer", Credentials: config_util.Secret(key),
		}},
	}
	if !chunked {
		cfg.AcceptedResponseTypes = []prompb.ReadRequest_ResponseType{prompb.ReadRequest_SAMPLES}
	}
	client, err := remote.NewReadClient("test", cfg)
	if err != nil {
		t.Fatal(err)
	}
	all := labels.MustNewMatcher(labels.MatchRegexp, "tenant", ".+")
	now := time.Now()
	query, err := remote.ToQuery(now.Add(-time.Hour).UnixMilli(), now.UnixMilli(), []*labels.Matcher{all}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	set, err := client.Read(ctx, query, true)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for set.Next() {
		line := set.At().Labels().String()
		it := set.At().Iterator(nil)
		for it.Next() == chunkenc.ValFloat {
			_, v := it.At()
			line += " " + string(appendFloat(nil, v))
		}
		lines = append(lines, line)
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return lines
}

// Every endpoint that looks through the index or the samples waits for its turn;
// who asks for its own metrics while others run is told to come again.
func TestPrometheusAPITakesTurns(t *testing.T) {
	r, key := twoTenants(t)
	limits := tsdb.DefaultQueryLimits()
	limits.Timeout = 200 * time.Millisecond
	store, err := tsdb.Open(tsdb.DefaultConfig(t.TempDir()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	r.server.Queries = tsdb.NewQueries(store, nil, limits, slog.New(slog.DiscardHandler))
	var ask func(n int, then func()) // with n turns of acme's taken
	ask = func(n int, then func()) {
		if n == 0 {
			then()
			return
		}
		err := r.server.Queries.Read(t.Context(), "acme", func(context.Context) error {
			ask(n-1, then)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	ask(limits.PerTenant, func() {
		var wg sync.WaitGroup
		for _, path := range []string{
			"query?query=m", "query_range?query=m&start=1&end=2&step=1", "query_exemplars?query=m",
			"series?match[]=m", "labels", "label/job/values",
		} {
			wg.Go(func() {
				a := r.ask(key, "GET", "/api/v1/"+path, nil)
				if a.status != 503 || a.header.Get("Retry-After") == "" {
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			})
		}
		wg.Wait()
	})
}

// Remarks about a query that is answered are infos, which Grafana shows as such.
func TestQueryTellsInfos(t *testing.T) {
	r, key := twoTenants(t)
	a := r.ask(key, "GET", "/api/v1/query?"+url.Values{"query": {"rate(m[10m])"}}.Encode(), nil)
	if a.status != 200 || !strings.Contains(a.body, `"infos":["PromQL info: metric might not be a counter`) ||
		strings.Contains(a.body, "warnings") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Requests that would cost too much are refused, on every way in.
func TestPrometheusAPIHasLimits(t *testing.T) {
	r, key := twoTenants(t)
	long := strings.Repeat("1+", 40_000) + "1"
	f := func(name string, want int, path string, body []byte, headers ...string) {
		t.Helper()
		if a := r.ask(key, "POST", path, body, headers...); a.status != want {
			t.Errorf("%s: %d, want %d: %.200s", name, a.status, want, a.body)
		}
	}
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	f("a long query of exemplars", 413, "/api/v1/query_exemplars", []byte(url.Values{"query": {long}}.Encode()), form...)
	f("a long expression", 413, "/api/v1/format_query", []byte(url.Values{"query": {long}}.Encode()), form...)
	f("a long form", 413, "/api/v1/query", []byte("query=1&x="+long[:promFormBytes]), form...)
	f("nonsense", 400, "/api/v1/format_query", []byte("query=sum("), form...)
	f("exemplars of nonsense", 400, "/api/v1/query_exemplars", []byte("query=sum("), form...)

	selectors := url.Values{"match[]": slices.Repeat([]string{"m"}, 64)}
	f("as many selectors as are read", 200, "/api/v1/series", []byte(selectors.Encode()), form...)
	f("one more", 413, "/api/v1/series", []byte(selectors.Encode()+"&match[]=m"), form...)

	send := func(name string, want int, req prompb.ReadRequest) {
		t.Helper()
		b, err := req.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		f(name, want, "/api/v1/read", snappy.Encode(nil, b))
	}
	one := &prompb.Query{EndTimestampMs: 1, Matchers: []*prompb.LabelMatcher{{Name: "a", Value: "b"}}}
	send("nothing", 200, prompb.ReadRequest{})
	send("one query", 200, prompb.ReadRequest{Queries: []*prompb.Query{one}})
	send("all of time", 200, prompb.ReadRequest{Queries: []*prompb.Query{{
		StartTimestampMs: math.MinInt64, EndTimestampMs: math.MaxInt64,
		Matchers: []*prompb.LabelMatcher{{Type: prompb.LabelMatcher_RE, Name: "__name__", Value: ".+"}},
	}}})
	send("many queries", 413, prompb.ReadRequest{Queries: slices.Repeat([]*prompb.Query{one}, 17)})
	send("a bad expression", 400, prompb.ReadRequest{Queries: []*prompb.Query{{
		Matchers: []*prompb.LabelMatcher{{Type: prompb.LabelMatcher_RE, Name: "a", Value: "("}},
	}}})
	f("no snappy", 400, "/api/v1/read", []byte("hello, this is text"))
	f("a bomb", 413, "/api/v1/read", snappy.Encode(nil, make([]byte, 1<<20)))
	f("no message", 400, "/api/v1/read", snappy.Encode(nil, []byte("hello")))
}
