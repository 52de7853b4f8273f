package tsdb

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
	"invoq/internal/campaign"
)

// retries is a store under senders that repeat themselves, beside a model of
// what it has to hold: the first value of each time.
type retries struct {
	t     *testing.T
	rng   *rand.Rand
	s     *Store
	now   time.Time
	cfg   Config
	model map[string]map[int64]float64
	sent  [][]ingesttest.Series // what may be sent again
	// Conflicts that were sent, and those that the store told of.
	injected, told int
	step           int
}

// Batches that were sent in part, late, twice or with other values, with
// compactions and restarts in between: the store holds the first value of each
// time and nothing else, and tells of each contradiction. INVOQ_STEPS sets how
// many.
func TestCampaignRetries(t *testing.T) {
	campaign.Begin(t)
	steps := campaign.Count(t, "INVOQ_STEPS", 300, 20_000)
	const seed = 8
	r := &retries{
		t: t, rng: rand.New(rand.NewPCG(seed, seed)), now: start, model: map[string]map[int64]float64{},
	}
	r.cfg = DefaultConfig(t.TempDir())
	r.cfg.Now = func() time.Time { return r.now }
	r.open()
	defer func() { r.s.Close(context.Background()) }()
	restarts, compactions := 0, 0
	for r.step = range steps {
		r.now = r.now.Add(time.Duration(r.rng.IntN(20)) * time.Second)
		switch n := r.rng.IntN(100); {
		case n < 45:
			r.batch(0)
		case n < 65:
			r.batch(time.Duration(r.rng.IntN(100)) * time.Minute)
		case n < 80:
			r.again()
		case n < 92:
			r.contradict()
		case n < 96:
			r.cutShort()
		case n < 98:
			restarts++
			r.restart()
		default:
			compactions++
			r.compact()
		}
	}
	r.compact()
	r.restart()
	r.compare()
	t.Logf("seed %d: %d steps, %d restarts, %d compactions; %d contradictions sent, %d told",
		seed, steps, restarts, compactions, r.injected, r.told)
	if r.injected != r.told || r.injected < steps/50 {
		t.Errorf("%d contradictions were sent and %d told", r.injected, r.told)
	}
}

func (r *retries) open() {
	r.t.Helper()
	var err error
	if r.s, err = Open(r.cfg, slog.New(slog.DiscardHandler)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *retries) restart() {
	r.t.Helper()
	if err := r.s.Close(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func (r *retries) compact() {
	r.t.Helper()
	db := r.s.core.Load().db
	if err := db.Compact(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if err := db.CompactOOOHead(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// pods is how many series there are.
const pods = 12

// batch sends new samples, up to so late.
func (r *retries) batch(late time.Duration) {
	var all []ingesttest.Series
	for pod := range pods {
		if r.rng.IntN(3) == 0 {
			continue
		}
		series := ingesttest.Series{Labels: []string{"__name__", "m", "pod", fmt.Sprint(pod)}}
		at := r.now.Add(-late).UnixMilli() - 5000
		for range 1 + r.rng.IntN(5) {
			at += int64(r.rng.IntN(900))
			series.Samples = append(series.Samples, ingest.Sample{T: at, V: r.rng.Float64()})
		}
		all = append(all, series)
	}
	if len(all) > 0 {
		r.write(all)
		r.sent = append(r.sent, all)
	}
}

// again sends something a second time.
func (r *retries) again() {
	if all := r.recent(); all != nil {
		r.write(all)
	}
}

// recent returns a batch that was sent within the time that samples may be late.
func (r *retries) recent() []ingesttest.Series {
	if len(r.sent) == 0 {
		return nil
	}
	all := r.sent[len(r.sent)-1-r.rng.IntN(min(len(r.sent), 300))]
	oldest := r.now.Add(-r.cfg.Lateness + time.Minute).UnixMilli()
	for _, series := range all {
		if series.Samples[0].T < oldest {
			return nil
		}
	}
	return all
}

// contradict sends a batch again with some values changed.
func (r *retries) contradict() {
	var all []ingesttest.Series
	for _, series := range r.recent() {
		changed := ingesttest.Series{Labels: series.Labels}
		for _, sample := range series.Samples {
			if r.rng.IntN(3) == 0 {
				sample.V++
			}
			changed.Samples = append(changed.Samples, sample)
		}
		all = append(all, changed)
	}
	if all != nil {
		r.write(all)
	}
}

// cutShort sends a batch whose request is given up half-way, and sends it again.
func (r *retries) cutShort() {
	all := []ingesttest.Series{{
		Labels:  []string{"__name__", "m", "pod", fmt.Sprint(r.rng.IntN(pods))},
		Samples: []ingest.Sample{{T: r.now.UnixMilli() + 1, V: r.rng.Float64()}},
	}}
	if r.stored(all[0].Labels[3], all[0].Samples[0].T) {
		return
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel()
	if _, err := r.s.Writer().Write(ctx, ingest.Scope{Tenant: "acme"}, ingesttest.Batch(all...)); err == nil {
		r.t.Logf("step %d: acknowledged after it was given up", r.step)
	}
	r.write(all)
	r.sent = append(r.sent, all)
}

func (r *retries) stored(pod string, at int64) bool {
	_, found := r.model[pod][at]
	return found
}

// write sends a batch, and notes in the model what has to come of it.
func (r *retries) write(all []ingesttest.Series) {
	r.t.Helper()
	conflicts := 0
	for _, series := range all {
		pod := series.Labels[3]
		if r.model[pod] == nil {
			r.model[pod] = map[int64]float64{}
		}
		for _, sample := range series.Samples {
			first, found := r.model[pod][sample.T]
			if !found {
				r.model[pod][sample.T] = sample.V
			} else if first != sample.V {
				conflicts++
			}
		}
	}
	rejected, err := r.s.Writer().Write(r.t.Context(), ingest.Scope{Tenant: "acme"}, ingesttest.Batch(all...))
	if err != nil {
		r.t.Fatalf("step %d: %v", r.step, err)
	}
	told := rejected.Count(ingest.Duplicate)
	if told != conflicts || rejected.Samples() != conflicts {
		r.t.Fatalf("step %d: %d contradictions were sent, %d told: %v",
			r.step, conflicts, told, rejected.Err(0))
	}
	r.injected, r.told = r.injected+conflicts, r.told+told
}

// compare holds the store against the model, sample by sample.
func (r *retries) compare() {
	r.t.Helper()
	q, err := r.s.Querier(0, math.MaxInt64)
	if err != nil {
		r.t.Fatal(err)
	}
	defer q.Close()
	got := map[string]map[int64]float64{}
	set := q.Select(r.t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "m"))
	for set.Next() {
		samples := map[int64]float64{}
		it := set.At().Iterator(nil)
		for it.Next() != chunkenc.ValNone {
			t, v := it.At()
			samples[t] = v
		}
		got[set.At().Labels().Get("pod")] = samples
	}
	if set.Err() != nil {
		r.t.Fatal(set.Err())
	}
	if diff := cmp.Diff(r.model, got); diff != "" {
		r.t.Fatalf("stored (-want +got):\n%.4000s", diff)
	}
}
