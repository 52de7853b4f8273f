package otlp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"invoq"
	"invoq/ingest"
	"invoq/ingest/otlp"
)

// Metrics that are nothing cost two bytes each to send. That many of them are
// refused costs no more than their number.
func TestExportOfManyMetricsThatAreNone(t *testing.T) {
	r := open(t, t.TempDir())
	defer r.close()
	md, to := waiter()
	const many = 50_000
	for range many {
		to.AppendEmpty()
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused, err := r.export(otlp.Protobuf, "", body)
	runtime.ReadMemStats(&after)
	if err != nil || !strings.HasPrefix(refused, fmt.Sprint(many, ": kept 0")) || len(refused) > 1000 {
		t.Errorf("error %v, refused %.300s", err, refused)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<20 {
		t.Errorf("%d bytes allocated %d MiB", len(body), grown>>20)
	}
}

// While there is no memory for a body it is not decompressed: it may be a
// thousand times as large then.
func TestExportAsksForMemoryFirst(t *testing.T) {
	lim := ingest.DefaultLimits()
	receiver := ingest.NewReceiver(nowhere{}, lim, metrics.NewSet())
	h := otlp.New(receiver, otlp.DefaultConfig())
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := z.Write(make([]byte, lim.DecodedBytes)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	req := ingest.Request{
		ContentType: otlp.Protobuf, ContentEncoding: "gzip", Body: body.Bytes(), Scope: ingest.Scope{Tenant: "acme"},
	}
	_, _, err := receiver.Take(t.Context(), req.Scope, lim.InFlightBytes, func(ingest.Builder) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := h.Export(ctx, req)
		runtime.ReadMemStats(&after)
		if kind := invoq.KindOf(err); kind != invoq.KindUnavailable {
			t.Errorf("verdict %q, want %q: %v", kind, invoq.KindUnavailable, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%d bytes allocated %d", len(req.Body), grown)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
