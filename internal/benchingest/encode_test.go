package benchingest

import (
	"context"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"invoq/ingest"
)

// counted is a store that keeps what it is given in plain form.
type counted map[string][]ingest.Sample

// Write notes the samples of each series.
func (c counted) Write(
	_ context.Context, _ ingest.Scope, b *ingest.Batch,
) (ingest.Rejections, error) {
	for i := range b.Series {
		s := &b.Series[i]
		name := string(b.Spell(s))
		c[name] = append(c[name], b.Samples[s.First:s.End]...)
	}
	return ingest.Rejections{}, nil
}

func TestBothProtocolsSayTheSame(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, l := range loads() {
		l = l.scale(0.001)
		set := encodeLoad(l, now, rw1, rw2)
		got := map[protocol]counted{}
		for p, streams := range set.streams {
			got[p] = counted{}
			r := ingest.NewReceiver(got[p], ingest.DefaultLimits(), metrics.NewSet())
			for _, stream := range streams {
				for _, body := range stream {
					req := ingest.Request{ContentType: contentTypes[p], Body: body}
					if _, err := r.RemoteWrite(t.Context(), req); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if diff := cmp.Diff(got[rw1], got[rw2]); diff != "" {
			t.Errorf("load %s (-1.0 +2.0):\n%s", l, diff)
		}
		checkLoad(t, set, got[rw1])
	}
}

// checkLoad fails unless all samples are there, in order and not after the set
// was made.
func checkLoad(t *testing.T, set *requestSet, got counted) {
	t.Helper()
	samples := 0
	for _, all := range got {
		samples += len(all)
		last := set.start().UnixMilli() - 1
		for _, s := range all {
			if s.T <= last || s.T >= set.made.UnixMilli() {
				t.Fatalf("load %s: sample at %d, after one at %d", set.load, s.T, last)
			}
			last = s.T
		}
	}
	if want := set.load.samples(); samples != want {
		t.Errorf("load %s: %d samples, want %d", set.load, samples, want)
	}
	if want := set.load.series * set.load.generations; len(got) != want {
		t.Errorf("load %s: %d series, want %d", set.load, len(got), want)
	}
}
