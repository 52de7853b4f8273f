package ingest

import (
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
)

// message appends a field of bytes to b.
func message(b []byte, field byte, content []byte) []byte {
	return append(binary.AppendUvarint(append(b, field<<3|wireBytes), uint64(len(content))), content...)
}

// splitV1 is a request whose label fields stand apart, in series or, where
// exemplars is set, in exemplars.
func splitV1(series int, between []byte, exemplars bool) []byte {
	label := message(message(nil, 1, []byte("name")), 2, []byte(strings.Repeat("v", 2000)))
	var body []byte
	for range series {
		var s []byte
		for range DefaultLimits().Labels {
			s = append(message(s, 1, label), between...)
		}
		if exemplars {
			s = message(nil, exemplarsV1, s)
		}
		body = message(body, 1, s)
	}
	return body
}

// splitV2 is a request with exemplars whose references come two by two.
func splitV2(exemplars int) []byte {
	body := message(message(nil, symbolsV2, []byte("name")), symbolsV2, []byte(strings.Repeat("v", 200)))
	var e []byte
	for range DefaultLimits().Labels {
		e = append(message(e, 1, []byte{0, 1}), 0x20, 0) // A field that there is not.
	}
	s := message(nil, labelsV2, []byte{0, 1})
	for range exemplars {
		s = message(s, exemplarsV2, e)
	}
	return message(body, timeseriesV2, s)
}

// Label fields may come in pieces, but that costs no more memory than the
// budget knows of.
func TestSplitLabelsCostNoMoreThanTheirLength(t *testing.T) {
	v1 := func(body []byte, out *Batch) error { return decodeV1(body, DefaultLimits(), out) }
	v2 := func(body []byte, out *Batch) error {
		return decodeV2(body, DefaultLimits(), DefaultLimits().DecodedBytes, out)
	}
	f := func(name string, body []byte, decode func([]byte, *Batch) error, most int) {
		t.Helper()
		var before, after runtime.MemStats
		var b Batch
		runtime.ReadMemStats(&before)
		err := decode(body, &b)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := int(after.TotalAlloc - before.TotalAlloc); got > most {
			t.Errorf("%s: %d bytes allocated for a body of %d, at most %d", name, got, len(body), most)
		}
		var sb labels.ScratchBuilder
		raw := b.Spell(&b.Series[0])
		if len(b.Exemplars) > 0 {
			raw = b.Exemplars[0].Labels
		}
		count := 0
		for i := 0; i < len(raw); count++ {
			_, _, i = nextLabel(raw, i)
		}
		if _, err := ParseExemplarLabels(raw[:len(raw)/count], DefaultLimits(), &sb); err != nil ||
			count != DefaultLimits().Labels {
			t.Errorf("%s: %d labels, %v", name, count, err)
		}
	}
	sample := message(nil, samplesV1, []byte{2 << 3, 1})
	unknown := []byte{15<<3 | wireVarint, 0}
	for name, body := range map[string][]byte{
		"samples":          splitV1(50, sample, false),
		"fields not known": splitV1(50, unknown, false),
		"inside exemplars": splitV1(50, unknown, true),
		"one series":       splitV1(1, sample, false),
	} {
		f(name, body, v1, 16*len(body)+1<<20)
	}
	// What is spelled of 2.0 has a budget of its own, 64 × 212 bytes each here.
	f("references", splitV2(200), v2, 3*200*64*212+1<<20)
}
