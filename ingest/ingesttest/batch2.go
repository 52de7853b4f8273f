package ingesttest

import (
	"context"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"invoq/ingest"
)

// Batch2 returns the series as the batch that a request of 2.0 is decoded to,
// whose labels are numbered. The test fails where it cannot be read.
func Batch2(t testing.TB, series ...Series) *ingest.Batch {
	t.Helper()
	var kept keeper
	// Nobody else uses the receiver, so that the batch stays as it is.
	r := ingest.NewReceiver(&kept, ingest.DefaultLimits(), metrics.NewSet())
	_, err := r.RemoteWrite(t.Context(), ingest.Request{
		ContentType: ContentType2, ContentEncoding: "snappy", Body: EncodeSnappy2(series...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept.batch
}

// keeper is a store that keeps the batch it was given.
type keeper struct{ batch *ingest.Batch }

// Write implements ingest.Store.
func (k *keeper) Write(_ context.Context, _ ingest.Scope, b *ingest.Batch) (ingest.Rejections, error) {
	k.batch = b
	return ingest.Rejections{}, nil
}
