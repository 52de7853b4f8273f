package events

import (
	"strings"
	"testing"

	"invoq"
	"invoq/internal/fuzzing"
)

// contentTypes are those that are fuzzed, and one that is not read here: the
// binary mode of CloudEvents, whose envelope stands in headers, is plain JSON
// for whoever reads the body alone.
var contentTypes = []string{
	"application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "application/avro",
}

// FuzzTake: whatever comes is accepted or refused, and nothing that is not
// valid is kept. What comes again is known by its request ids.
func FuzzTake(f *testing.F) {
	for _, seed := range takeSeeds() {
		for kind := range contentTypes {
			f.Add(byte(kind), seed)
		}
	}
	bounds := fuzzing.Default()
	// However short an item is, there is a verdict on it; at most so many have one.
	bounds.Base += MaxBatch << 10
	f.Fuzz(func(t *testing.T, kind byte, body string) {
		r := Request{
			ContentType: contentTypes[int(kind)%len(contentTypes)], Body: []byte(body), Scope: acme,
		}
		var s *shelf
		var in *Intake
		var first Result
		var err error
		bounds.Hold(t, len(body), func() {
			s = &shelf{}
			in = newIntake(s)
			first, err = in.Take(t.Context(), r)
		})
		if err != nil {
			if k := invoq.KindOf(err); k != invoq.KindInvalid && k != invoq.KindUnsupported && k != invoq.KindTooLarge {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		if first.Accepted != len(s.kept) {
			t.Fatalf("%d accepted, %d kept", first.Accepted, len(s.kept))
		}
		for i := range s.kept {
			if err := s.kept[i].Validate(); err != nil {
				t.Fatal(err)
			}
		}
		again, err := in.Take(t.Context(), r)
		if minted := mintedBy(first); err != nil || again.Accepted != minted ||
			again.Duplicates != first.Accepted+first.Duplicates-minted || again.Invalid != first.Invalid {
			t.Fatalf("again %+v, %v; first %+v", again, err, first)
		}
	})
}

// mintedBy returns how many events were given a request id.
func mintedBy(r Result) int {
	n := 0
	for _, item := range r.Items {
		if item.Minted {
			n++
		}
	}
	return n
}

// takeSeeds are bodies that are well, and such as are made to break things.
func takeSeeds() []string {
	cloud := `{"specversion":"1.0","id":"1","source":"s","type":"t","data":` + functionEvent + `}`
	seeds := []string{
		functionEvent, "[" + functionEvent + "," + resourceEvent + "]", cloud, "[" + cloud + "," + cloud + "]",
		"[" + resourceEvent + "," + resourceEvent + "]", strings.Replace(resourceEvent, `"requestId":"r-1",`, "", 1),
		strings.Replace(resourceEvent, "ann", "x'); DROP TABLE tenants; --", 1),
		strings.Replace(resourceEvent, `"quantity"`, `"quantity":1,"quantity"`, 1),
		strings.Replace(cloud, `"data":`, `"data_base64":`, 1),
		"[" + strings.Repeat("{},", 9_999) + "{}]", "[" + strings.Repeat("{},", 10_001) + "{}]",
		strings.Repeat("[", 10_000), strings.Repeat(`{"labels":`, 10_000),
		`{"labels":{` + strings.Repeat(`"a":"b",`, 10_000) + `"c":"d"}}`,
	}
	for _, quantity := range []string{
		"1e400", "-1", "0.12345678901234567", `"1"`, "true", "null", "9223372036854775808", "01", "1e999999999",
	} {
		seeds = append(seeds, strings.Replace(resourceEvent, "1200.5", quantity, 1))
	}
	return seeds
}
