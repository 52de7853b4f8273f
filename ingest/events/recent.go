package events

import (
	"hash/maphash"
	"sync"

	"invoq"
)

// recentEvents is how many requests a generation of recent remembers.
const recentEvents = 1 << 18

// fingerprint identifies a request by two independent hashes: 128 bits, whose
// seeds nobody outside knows.
type fingerprint [2]uint64

// recent remembers what was put into the queue a moment ago and may not be in
// the book yet: the last one or two generations of it. It is a comfort for
// senders, who are told at once; the book does not rely on it.
type recent struct {
	seeds [2]maphash.Seed

	mu       sync.Mutex
	now, old map[fingerprint]uint64 // to the hash of what the request said
}

func newRecent() *recent {
	return &recent{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		now:   map[fingerprint]uint64{},
	}
}

// print returns the fingerprints of an event's request and of its content.
func (r *recent) print(e *invoq.Event) (id fingerprint, content uint64) {
	for i, seed := range r.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		writeTexts(&h, string(e.Tenant), e.RequestID)
		id[i] = h.Sum64()
	}
	var h maphash.Hash
	h.SetSeed(r.seeds[0])
	writeTexts(&h, e.User, e.Platform, e.Provider, e.Namespace, e.Service, e.Revision, e.Corrects)
	maphash.WriteComparable(&h, e.Time.UnixMicro())
	var digits [64]byte
	for i := range e.Measures {
		writeTexts(&h, string(e.Measures[i].Meter))
		h.Write(e.Measures[i].Quantity.Append(digits[:0]))
		h.WriteByte(0)
	}
	var names [invoq.MaxEventLabels]string
	for _, name := range e.AppendLabelNames(names[:0]) {
		writeTexts(&h, name, e.Labels[name])
	}
	return id, h.Sum64()
}

// writeTexts writes texts so that no two lists are the same bytes: names have
// no control characters.
func writeTexts(h *maphash.Hash, texts ...string) {
	for _, text := range texts {
		h.WriteString(text)
		h.WriteByte(0)
	}
}

// recall returns what is remembered of each candidate.
func (r *recent) recall(cs []candidate) []invoq.Recall {
	all := make([]invoq.Recall, len(cs))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range cs {
		content, ok := r.now[cs[i].id]
		if !ok {
			content, ok = r.old[cs[i].id]
		}
		switch {
		case ok && content == cs[i].content:
			all[i] = invoq.RecallSame
		case ok:
			all[i] = invoq.RecallOther
		}
	}
	return all
}

// remember notes requests that are in the queue.
func (r *recent) remember(cs []candidate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.now)+len(cs) > recentEvents {
		r.now, r.old = make(map[fingerprint]uint64, recentEvents), r.now
	}
	for i := range cs {
		r.now[cs[i].id] = cs[i].content
	}
}
