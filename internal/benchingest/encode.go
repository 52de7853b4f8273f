package benchingest

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/golang/snappy"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// What senders do: Prometheus by default sends 2,000 samples at a time.
const (
	connections = 4
	perRequest  = 2000
)

// protocol is a version of remote write.
type protocol int

// The protocols.
const (
	rw1 protocol = 1
	rw2 protocol = 2
)

// String returns the protocol's name.
func (p protocol) String() string {
	if p == rw1 {
		return "RW 1.0"
	}
	return "RW 2.0"
}

// requestSet is a load in the form in which it is sent.
type requestSet struct {
	load load
	// made is when it was encoded; the last scrape is shortly before it.
	made    time.Time
	streams map[protocol][][][]byte // by connection
}

// start is the time of the first scrape.
func (s *requestSet) start() time.Time { return s.made.Add(-s.load.length()) }

// encodeLoad returns the load's requests. As senders do, it spreads series over
// connections, each of which sends its samples in the order of their times.
func encodeLoad(l load, now time.Time, protocols ...protocol) *requestSet {
	set := &requestSet{load: l, made: now.Truncate(time.Millisecond), streams: map[protocol][][][]byte{}}
	var workers sync.WaitGroup
	for _, p := range protocols {
		set.streams[p] = make([][][]byte, connections)
		for c := range connections {
			workers.Go(func() { set.streams[p][c] = encodeStream(set, p, c) })
		}
	}
	workers.Wait()
	return set
}

// encodeStream returns the requests of one connection.
func encodeStream(set *requestSet, p protocol, connection int) [][]byte {
	l := set.load
	out := encoder{protocol: p}
	metrics := podMetrics()
	for generation := range l.generations {
		fleet := newFleetPart(l.series/perPod, generation, connection, metrics)
		for round := range l.rounds {
			began := set.start().Add(time.Duration(generation*l.rounds+round) * l.step).UnixMilli()
			for i := range fleet {
				s := &fleet[i]
				out.add(s, ingest.Sample{
					T: began + s.pod.at(l.step),
					V: s.metric.value(s.seed, uint64(round)),
				})
			}
		}
	}
	out.flush()
	return out.requests
}

// fleetSeries is a series that is going to be encoded many times.
type fleetSeries struct {
	pod    pod
	metric metric
	seed   uint64
	pairs  []string
	raw    []byte // the label fields of 1.0
}

// newFleetPart returns the series of the pods that a connection sends.
func newFleetPart(pods, generation, connection int, metrics []metric) []fleetSeries {
	var all []fleetSeries
	for number := connection; number < pods; number += connections {
		p := pod{number: number, generation: generation}
		for _, m := range metrics {
			pairs := p.labels(m)
			all = append(all, fleetSeries{
				pod: p, metric: m, seed: uint64(number + 1), pairs: pairs,
				raw: ingesttest.AppendLabels(nil, pairs),
			})
		}
	}
	return all
}

// encoder gathers samples into requests.
type encoder struct {
	protocol protocol
	pending  int
	body     []byte              // of 1.0
	series   []ingesttest.Series // of 2.0
	message  []byte
	requests [][]byte
}

// add adds a sample, in a message of its own as Prometheus has it.
func (e *encoder) add(s *fleetSeries, sample ingest.Sample) {
	if e.protocol == rw2 {
		e.series = append(e.series,
			ingesttest.Series{Labels: s.pairs, Samples: []ingest.Sample{sample}})
	} else {
		e.message = append(e.message[:0], s.raw...)
		value := ingesttest.AppendSample(nil, sample)
		e.message = append(e.message, 2<<3|2, byte(len(value)))
		e.message = append(e.message, value...)
		e.body = binary.AppendUvarint(append(e.body, 1<<3|2), uint64(len(e.message)))
		e.body = append(e.body, e.message...)
	}
	if e.pending++; e.pending == perRequest {
		e.flush()
	}
}

// flush ends the request.
func (e *encoder) flush() {
	if e.pending == 0 {
		return
	}
	if e.protocol == rw2 {
		e.requests = append(e.requests, ingesttest.EncodeSnappy2(e.series...))
	} else {
		e.requests = append(e.requests, snappy.Encode(nil, e.body))
	}
	e.pending, e.body, e.series = 0, e.body[:0], e.series[:0]
}
