package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"invoq"
)

func formatSample(s Sample) string {
	return strconv.FormatFloat(s.V, 'g', -1, 64) + "@" + strconv.FormatInt(s.T, 10)
}

// keep is a store that keeps everything, or fails, or refuses what it is told.
type keep struct {
	samples int
	refuse  Rejections
	err     error
}

// Write counts the batch's samples.
func (k *keep) Write(_ context.Context, _ Scope, b *Batch) (Rejections, error) {
	k.samples += len(b.Samples)
	return k.refuse, k.err
}

func oneSample(t testing.TB) []byte {
	return snappy.Encode(nil, request(t, prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "up"}},
		Samples: []prompb.Sample{{Timestamp: 1, Value: 1}},
	}}}))
}

func oneSampleV2(t testing.TB) []byte {
	body, err := (&writev2.Request{
		Symbols: []string{"", "__name__", "up"},
		Timeseries: []writev2.TimeSeries{{
			LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 1, Value: 1}},
		}},
	}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return snappy.Encode(nil, body)
}

func TestRemoteWriteVerdicts(t *testing.T) {
	good := oneSample(t)
	var late Rejections
	late.AddSamples(TooOld, 1, nil)
	f := func(name string, want invoq.Kind, store *keep, change func(*Request)) {
		t.Helper()
		r := NewReceiver(store, DefaultLimits(), metrics.NewSet())
		req := Request{
			Body: good, ContentType: "application/x-protobuf", ContentEncoding: "snappy", Scope: Scope{Tenant: "acme"},
		}
		if change != nil {
			change(&req)
		}
		res, err := r.RemoteWrite(t.Context(), req)
		accepted := res.Written.Samples
		if got := invoq.KindOf(err); got != want {
			t.Errorf("%s: %q, want %q: %v", name, got, want, err)
		}
		if want == "" && accepted != 1 || err != nil && accepted != 0 {
			t.Errorf("%s: %d samples were accepted", name, accepted)
		}
	}
	typed := func(s string) func(*Request) { return func(r *Request) { r.ContentType = s } }
	encoded := func(s string) func(*Request) { return func(r *Request) { r.ContentEncoding = s } }
	body := func(b []byte) func(*Request) { return func(r *Request) { r.Body = b } }
	f("good", "", &keep{}, nil)
	f("said in full", "", &keep{}, typed("application/x-protobuf;proto=prometheus.WriteRequest"))
	f("said by nobody", "", &keep{}, func(r *Request) { r.ContentType, r.ContentEncoding = "", "" })
	f("JSON", invoq.KindUnsupported, &keep{}, typed("application/json"))
	f("not a type", invoq.KindUnsupported, &keep{}, typed(";;"))
	f("the other protocol", "", &keep{}, func(r *Request) {
		r.ContentType = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
		r.Body = oneSampleV2(t)
	})
	f("another message", invoq.KindUnsupported, &keep{}, typed("application/x-protobuf;proto=io.example.Other"))
	f("gzip", invoq.KindUnsupported, &keep{}, encoded("gzip"))
	f("empty", invoq.KindInvalid, &keep{}, body(nil))
	f("truncated", invoq.KindInvalid, &keep{}, body(good[:len(good)-1]))
	f("not snappy", invoq.KindInvalid, &keep{}, body([]byte("hello, this is text")))
	f("not protobuf", invoq.KindInvalid, &keep{}, body(snappy.Encode(nil, []byte{0x0b, 0x0b})))
	f("a partial write", invoq.KindInvalid, &keep{refuse: late}, nil)
	f("a store that is down", invoq.KindUnavailable,
		&keep{err: invoq.Errorf(invoq.KindUnavailable, "down")}, nil)
	f("a store that fails", invoq.KindInternal, &keep{err: errors.New("disk on fire")}, nil)
}

// Bodies that are small on the wire and huge in memory are refused before
// anything is allocated for them.
func TestRemoteWriteBoundsMemory(t *testing.T) {
	repeat := func(unit []byte, n int) []byte { return bytes.Repeat(unit, n) }
	within := func(field byte, b []byte) []byte {
		out := append([]byte{field<<3 | wireBytes}, binary.AppendUvarint(nil, uint64(len(b)))...)
		return append(out, b...)
	}
	const millions = 4 << 20
	const v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
	// Twenty thousand series that each name one long symbol 64 times.
	spelled := within(4, repeat([]byte("x"), 2000))
	for range 20_000 {
		spelled = append(spelled, within(5, within(1, repeat([]byte{0}, 128)))...)
	}
	for name, f := range map[string]struct {
		proto string
		body  []byte
	}{
		"empty series":                {"", repeat([]byte{0x0a, 0x00}, millions)},
		"empty labels of a series":    {"", within(1, repeat([]byte{0x0a, 0x00}, millions))},
		"empty samples of a series":   {"", within(1, repeat([]byte{0x12, 0x00}, millions))},
		"empty exemplars of a series": {"", within(1, repeat([]byte{0x1a, 0x00}, millions))},
		"empty histograms":            {"", within(1, repeat([]byte{0x22, 0x00}, millions))},
		"spans of a histogram":        {"", within(1, within(4, repeat([]byte{0x5a, 0x00}, millions)))},
		"deltas of a histogram":       {"", within(1, within(4, within(12, make([]byte, millions))))},
		"bounds of a histogram":       {"", within(1, within(4, append([]byte{0x82, 1}, within(0, make([]byte, millions*3))[1:]...)))},
		"empty metadata":              {"", repeat(append(within(3, within(2, []byte("m"))), 0x1a, 0x00), millions/4)},
		"a declared length of 4 GiB":  {"", []byte{0xff, 0xff, 0xff, 0xff, 0x0f}},
		"a declared length of 64 MiB": {"", binary.AppendUvarint(nil, 64<<20)},
		"empty symbols":               {v2, repeat([]byte{0x22, 0x00}, millions)},
		"empty series of 2.0":         {v2, repeat([]byte{0x2a, 0x00}, millions)},
		"references to one symbol":    {v2, within(5, within(1, make([]byte, millions)))},
		"single references":           {v2, within(5, repeat([]byte{0x08, 0x00}, millions))},
		"empty samples of 2.0":        {v2, within(5, repeat([]byte{0x12, 0x00}, millions))},
		"empty histograms of 2.0":     {v2, within(5, repeat([]byte{0x1a, 0x00}, millions))},
		"labels that grow":            {v2, spelled},
	} {
		t.Run(name, func(t *testing.T) {
			wire := f.body
			if len(wire) > 10 {
				wire = snappy.Encode(nil, wire)
			}
			r := NewReceiver(&keep{}, DefaultLimits(), metrics.NewSet())
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := r.RemoteWrite(t.Context(), Request{ContentType: f.proto, Body: wire, Scope: Scope{Tenant: "acme"}})
			runtime.ReadMemStats(&after)
			if kind := invoq.KindOf(err); kind != invoq.KindTooLarge && kind != invoq.KindInvalid {
				t.Errorf("verdict %v", err)
			}
			// The body, twice what labels may take (a slice that grows), and
			// what 16 bytes for each of the body's make.
			most := uint64(3*DefaultLimits().DecodedBytes + 8<<20)
			if got := after.TotalAlloc - before.TotalAlloc; got > most {
				t.Errorf("%d bytes on the wire allocated %d, at most %d", len(wire), got, most)
			}
		})
	}
}

// What many requests hold together is bounded too: more of them wait, and are
// told to come back when they have waited too long.
func TestRemoteWriteBoundsAllRequestsTogether(t *testing.T) {
	limits := DefaultLimits()
	limits.InFlightBytes = 1
	r := NewReceiver(&keep{}, limits, metrics.NewSet())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.RemoteWrite(ctx, Request{Body: oneSample(t), Scope: Scope{Tenant: "acme"}})
	var e *invoq.Error
	if !errors.As(err, &e) || e.Kind != invoq.KindUnavailable || e.RetryAfter == 0 {
		t.Errorf("verdict %v, want unavailable with a time to come back", err)
	}
}

// So is what their bodies take as they come; one whose length is not known takes
// as much as is read at most.
func TestAdmitBoundsBodies(t *testing.T) {
	limits := DefaultLimits()
	limits.WireBytes, limits.InFlightBytes = 8, 20
	r := NewReceiver(&keep{}, limits, metrics.NewSet())
	done, cancel := context.WithCancel(t.Context())
	cancel()
	var held []func()
	for _, length := range []int{-1, 8, 4} {
		release, err := r.Admit(t.Context(), length)
		if err != nil {
			t.Fatalf("a body of %d: %v", length, err)
		}
		held = append(held, release)
	}
	var e *invoq.Error
	if _, err := r.Admit(done, 1); !errors.As(err, &e) || e.Kind != invoq.KindUnavailable || e.RetryAfter == 0 {
		t.Errorf("verdict %v, want unavailable with a time to come back", err)
	}
	held[2]()
	if _, err := r.Admit(t.Context(), 4); err != nil {
		t.Errorf("after another was done: %v", err)
	}
}

func TestRejectionsSayWhatAndHowMuch(t *testing.T) {
	var r, more Rejections
	r.AddSamples(OutOfOrder, 2, func() string { return "a" })
	r.AddSamples(OutOfOrder, 1, func() string { t.Error("a second example"); return "" })
	more.Add(SeriesLimit, 4, nil)
	r.Merge(more)
	err := r.Err(10)
	want := "kept 10 samples, rejected 7: 3 samples out of order (such as a); 4 new series above the tenant's limit"
	if fmt.Sprint(err) != want || invoq.KindOf(err) != invoq.KindInvalid || r.Samples() != 3 {
		t.Errorf("got %v (%s, %d samples)", err, invoq.KindOf(err), r.Samples())
	}
	if (Rejections{}).Err(1) != nil {
		t.Error("nothing was rejected and an error came of it")
	}
}
