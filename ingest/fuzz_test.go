package ingest

import (
	"bytes"
	"context"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"invoq"
)

// counting is a store that takes everything and keeps the number.
type counting struct{ samples int }

// Write implements Store.
func (c *counting) Write(_ context.Context, _ Scope, b *Batch) (Rejections, error) {
	c.samples = len(b.Samples)
	return Rejections{}, nil
}

// FuzzRemoteWrite: a body is unpacked within its limits, however long it says
// it is, and read as its headers say; what cannot be read is refused as the
// sender's fault before anything is written.
func FuzzRemoteWrite(f *testing.F) {
	one := request(f, prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "up"}},
		Samples: []prompb.Sample{{Timestamp: 1, Value: 1.5}},
	}}})
	long := []byte{0xff, 0xff, 0xff, 0xff, 0x0f} // A body of 4 GiB, says its first bytes.
	for _, body := range [][]byte{
		nil, snappy.Encode(nil, one), snappy.Encode(nil, one)[:8], snappy.Encode(nil, requestV2(f, full())), long,
		append([]byte{0x80, 0x80, 0x80, 0x08}, 0, 0), snappy.Encode(nil, bytes.Repeat([]byte{0x0a, 0}, 1<<20)),
		snappy.Encode(nil, make([]byte, 17<<20)), snappy.Encode(nil, splitV2(50)), {0xff, 6, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y'},
	} {
		for _, contentType := range []string{
			"application/x-protobuf", "application/x-protobuf;proto=io.prometheus.write.v2.Request", "text/plain; proto=\"",
		} {
			f.Add(contentType, "snappy", body)
		}
		f.Add("", "gzip", body)
	}
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte) {
		req := Request{ContentType: contentType, ContentEncoding: encoding, Body: body, Scope: Scope{Tenant: "acme"}}
		size, err := snappy.DecodedLen(body)
		if err != nil || size > DefaultLimits().DecodedBytes {
			size = 0 // It is not unpacked.
		}
		var store counting
		var res Result
		var refused error
		batchBounds().Hold(t, len(contentType)+len(encoding)+len(body)+size, func() {
			store = counting{}
			res, refused = NewReceiver(&store, DefaultLimits(), metrics.NewSet()).RemoteWrite(t.Context(), req)
		})
		switch invoq.KindOf(refused) {
		case "", invoq.KindInvalid, invoq.KindUnprocessable, invoq.KindTooLarge, invoq.KindUnsupported:
		default:
			t.Fatalf("kind of %v", refused)
		}
		if res.Written.Samples != store.samples {
			t.Fatalf("%d samples are said to be written, %d are", res.Written.Samples, store.samples)
		}
	})
}
