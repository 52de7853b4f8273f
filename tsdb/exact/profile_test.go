package exact_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/tsdb"
	"invoq/tsdb/exact"
	"invoq/tsdb/tsdbtest"
)

// sample is a file of testdata/profiles: what targets of one kind of emitter
// expose, scrape by scrape, and what is counted from it.
//
//	source <namespace>/<service> <profile>
//	== <time after the start> <labels of the target>
//	<exposition>
//	== want
//	<namespace>/<service> <revision> <profile>: <usage>
type profileSample struct {
	sources map[invoq.ServiceKey]exact.Source
	want    []string
}

// loadSample stores the scrapes of a file.
func loadSample(t *testing.T, s *tsdb.Store, file string) profileSample {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := profileSample{sources: map[invoq.ServiceKey]exact.Source{}}
	at, target := "", ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		source, isSource := strings.CutPrefix(line, "source ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case isSource:
			key, profile, _ := strings.Cut(source, " ")
			namespace, service, _ := strings.Cut(key, "/")
			out.sources[invoq.ServiceKey{Tenant: "acme", Namespace: namespace, Service: service}] =
				exact.Source{Profile: profile}
		case strings.HasPrefix(line, "== "):
			at, target, _ = strings.Cut(line[3:], " ")
		case at == "want":
			out.want = append(out.want, line)
		default:
			tsdbtest.Load(t, s, "acme", time.Second, at+" "+labelled(line, target))
		}
	}
	return out
}

// labelled adds a target's labels to a line of exposition.
func labelled(line, target string) string {
	target = strings.ReplaceAll(target, `" `, `",`)
	end := strings.LastIndexByte(line, ' ')
	name, labels, found := strings.Cut(line[:end], "{")
	if !found {
		return name + "{" + target + "}" + line[end:]
	}
	return name + "{" + target + "," + labels + line[end:]
}

// Every profile counts what its emitter exposes, and no other profile counts
// it again.
func TestProfilesCountTheirEmitters(t *testing.T) {
	files, err := filepath.Glob("testdata/profiles/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		covered[name] = true
		t.Run(name, func(t *testing.T) {
			s := tsdbtest.Open(t)
			sample := loadSample(t, s, file)
			res := compute(t, s, 1, func(r *exact.Request) {
				r.Watched = map[invoq.TenantName]int64{"acme": 1}
				r.Sources = sample.sources
			})
			var got []string
			for i, line := range lines(res.Rows) {
				row := res.Rows[i]
				profile := res.Sources[invoq.ServiceKey{
					Tenant: row.Tenant, Namespace: row.Namespace, Service: row.Service,
				}].Profile
				_, usage, _ := strings.Cut(line, " "+row.Revision+" ")
				got = append(got, row.Namespace+"/"+row.Service+" "+row.Revision+" "+profile+": "+usage)
			}
			if diff := cmp.Diff(sample.want, got); diff != "" {
				t.Error("counted (-want +got):\n" + diff)
			}
		})
	}
	for _, p := range profiles {
		if !covered[p.Name] {
			t.Errorf("profile %q has no sample", p.Name)
		}
	}
}

// Native histograms count like classic ones: as integers, as floats and with
// bounds of their own, through a restart that their start tells.
func TestComputeNativeHistograms(t *testing.T) {
	f := func(name string, value func(n uint64, sum float64) ingest.Histogram) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s := tsdbtest.Open(t)
			at := func(seconds int, n uint64, sum float64, start int) ingest.Histogram {
				h := value(n, sum)
				h.T = tsdbtest.Start.Add(time.Duration(seconds) * time.Second).UnixMilli()
				h.Start = tsdbtest.Start.Add(time.Duration(start) * time.Second).UnixMilli()
				return h
			}
			labels := []string{
				"__name__", "kn_serving_invocation_duration_seconds", "k8s_namespace_name", "prod",
				"kn_service_name", "waiter", "kn_revision_name", "w-1", "k8s_pod_name", "p",
			}
			tsdbtest.Write(t, s, "acme", ingesttest.Series{
				Labels: append(slices.Clone(labels), "http_response_status_code", "200"),
				Histograms: []ingest.Histogram{
					at(15, 3, 1.5, -5), at(30, 5, 2.25, -5), at(45, 6, 3, 40), // Restarted: 6 are new.
				},
			}, ingesttest.Series{
				Labels:     append(slices.Clone(labels), "http_response_status_code", "500"),
				Histograms: []ingest.Histogram{at(30, 2, 0.5, -5)},
			})
			res := compute(t, s, 1, func(r *exact.Request) { r.Watched = map[invoq.TenantName]int64{"acme": 1} })
			want := []string{
				"12:00 acme/waiter w-1 invocations=13 duration_ms=5750 cold_starts=1 errors=2 p50=500 p95=950 unmeasured=5750",
			}
			if diff := cmp.Diff(want, lines(res.Rows)); diff != "" {
				t.Error("rows (-want +got):\n" + diff)
			}
		})
	}
	one := []histogram.Span{{Length: 1}}
	f("integers", func(n uint64, sum float64) ingest.Histogram {
		return ingest.Histogram{Int: &histogram.Histogram{
			Count: n, Sum: sum, PositiveSpans: one, PositiveBuckets: []int64{int64(n)},
		}}
	})
	f("floats", func(n uint64, sum float64) ingest.Histogram {
		return ingest.Histogram{Float: &histogram.FloatHistogram{
			Count: float64(n), Sum: sum, PositiveSpans: one, PositiveBuckets: []float64{float64(n)},
		}}
	})
	f("custom bounds", func(n uint64, sum float64) ingest.Histogram {
		return ingest.Histogram{Int: &histogram.Histogram{
			Schema: histogram.CustomBucketsSchema, CustomValues: []float64{1},
			Count: n, Sum: sum, PositiveSpans: one, PositiveBuckets: []int64{int64(n)},
		}}
	})
}
