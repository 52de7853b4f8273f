package ingest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/golang/snappy"
	"golang.org/x/sync/semaphore"

	"invoq"
)

// How long a request waits for its share of Limits.InFlightBytes before it is
// told to come back, and when it should.
const (
	budgetWait = time.Second
	retryAfter = 2 * time.Second
)

// usualSpelling is how many times the size of a 2.0 request its labels usually
// take at most once they are spelled out.
const usualSpelling = 8

// Receiver decodes what senders push and hands it to a Store. It is safe for
// concurrent use.
type Receiver struct {
	store  Store
	limits Limits
	// budget is the memory left for decoded bodies, wire that for bodies as they
	// come. They are two, so that a body which is held never keeps itself, or
	// another one, from being decoded.
	budget, wire *semaphore.Weighted
	pool         sync.Pool // *decoded
	m            receiverMetrics
}

// decoded is the memory of one request: the body and the batch over it.
type decoded struct {
	body  []byte
	batch Batch
}

// NewReceiver returns a receiver that writes to the store and counts in the
// set.
func NewReceiver(store Store, limits Limits, set *metrics.Set) *Receiver {
	return &Receiver{
		store:  store,
		limits: limits,
		budget: semaphore.NewWeighted(limits.InFlightBytes),
		wire:   semaphore.NewWeighted(limits.InFlightBytes),
		pool:   sync.Pool{New: func() any { return new(decoded) }},
		m:      newReceiverMetrics(set),
	}
}

// Limits returns the limits of a request.
func (r *Receiver) Limits() Limits { return r.limits }

// Admit takes the memory of a body that is about to be read: of length bytes, or
// of as many as are read at most when the length is negative, not known. It
// waits a little for others to finish, and then refuses with KindUnavailable
// and when to come back. The caller calls release when the body is done with.
func (r *Receiver) Admit(ctx context.Context, length int) (release func(), err error) {
	n := int64(length)
	if n < 0 || n > int64(r.limits.WireBytes) {
		n = int64(r.limits.WireBytes)
	}
	n = min(n, r.limits.InFlightBytes)
	if err := reserve(ctx, r.wire, n); err != nil {
		return nil, err
	}
	return func() { r.wire.Release(n) }, nil
}

// Request is one pushed body, still compressed.
type Request struct {
	ContentType, ContentEncoding string
	Body                         []byte
	Scope                        Scope
}

// Protocol is what a remote-write request speaks.
type Protocol int

// The protocols; the zero value is none.
const (
	RemoteWrite1 Protocol = iota + 1
	RemoteWrite2
)

// Result says what became of a request.
type Result struct {
	// Protocol is 0 when the request did not say one that is read here.
	Protocol Protocol
	// Written counts what was stored durably, on success and on failure.
	Written Counts
}

// RemoteWrite takes one remote-write request (protocol 1.0 or 2.0) and returns
// what was stored durably. The error, if any, carries the verdict: kinds that
// are the sender's fault mean that the good samples were kept and sending the
// rest again cannot help; KindUnavailable, KindStorageFull and KindInternal
// mean that the whole request may be sent again.
func (r *Receiver) RemoteWrite(ctx context.Context, req Request) (res Result, err error) {
	started := time.Now()
	defer func() { r.m.observe(started, res.Written, err) }()

	if res.Protocol, err = negotiate(req.ContentType, req.ContentEncoding); err != nil {
		return res, err
	}
	size, err := r.decodedSize(req.Body)
	if err != nil {
		return res, err
	}
	d := r.pool.Get().(*decoded)
	defer r.pool.Put(d)
	held, err := r.decode(ctx, res.Protocol, d, req.Body, size)
	defer r.budget.Release(held)
	if err != nil {
		return res, err
	}
	res.Written, err = r.write(ctx, req, res.Protocol, &d.batch)
	return res, err
}

// Take has fill make a batch of something that is read already, and stores it.
// Size is the memory that this takes, which the receiver's budget has to allow.
// It returns what was stored durably and what was refused; errors are as
// RemoteWrite has them.
func (r *Receiver) Take(
	ctx context.Context, scope Scope, size int64, fill func(Builder) error,
) (written Counts, rejected Rejections, err error) {
	started := time.Now()
	defer func() { r.m.observe(started, written, err) }()
	size = min(size, r.limits.InFlightBytes)
	if err := reserve(ctx, r.budget, size); err != nil {
		return written, rejected, err
	}
	defer r.budget.Release(size)
	d := r.pool.Get().(*decoded)
	defer r.pool.Put(d)
	d.batch.reset()
	if err := fill(Builder{&d.batch, r.limits}); err != nil {
		return written, rejected, err
	}
	return r.keep(ctx, scope, &d.batch)
}

// keep stores the batch, and counts what is stored and what is not.
func (r *Receiver) keep(ctx context.Context, scope Scope, b *Batch) (Counts, Rejections, error) {
	rejected, err := r.store.Write(ctx, scope, b)
	if err != nil {
		return Counts{}, Rejections{}, err
	}
	all := Counts{len(b.Samples), len(b.Histograms), len(b.Exemplars)}
	written := all.sub(rejected.Batch())
	rejected.Merge(b.Skipped)
	r.m.reject(rejected)
	return written, rejected, nil
}

// decode inflates and reads the body. It returns the memory that it holds of
// the budget, which the caller releases.
func (r *Receiver) decode(
	ctx context.Context, p Protocol, d *decoded, body []byte, size int64,
) (held int64, err error) {
	// Labels of 2.0 are spelled out beside the body. Mostly they need little;
	// only a request that needs more is read again with all it may have.
	rooms := []int{0}
	if p == RemoteWrite2 {
		rooms = []int{min(usualSpelling*int(size), r.limits.DecodedBytes)}
		if rooms[0] < r.limits.DecodedBytes {
			rooms = append(rooms, r.limits.DecodedBytes)
		}
	}
	for _, room := range rooms {
		r.budget.Release(held)
		held = size + int64(room)
		if err := reserve(ctx, r.budget, held); err != nil {
			return 0, err
		}
		if d.body, err = snappy.Decode(d.body[:cap(d.body)], body); err != nil {
			return held, invoq.Errorf(invoq.KindInvalid, "body is not snappy block format: %v", err)
		}
		d.batch.reset()
		if p == RemoteWrite1 {
			return held, decodeV1(d.body, r.limits, &d.batch)
		}
		if err = decodeV2(d.body, r.limits, room, &d.batch); !errors.Is(err, errNoRoom) {
			return held, err
		}
	}
	return held, invoq.Errorf(invoq.KindTooLarge,
		"labels take more than %d bytes once they are spelled out", r.limits.DecodedBytes)
}

// write stores the batch and turns rejections into the sender's verdict.
func (r *Receiver) write(ctx context.Context, req Request, p Protocol, b *Batch) (Counts, error) {
	written, rejected, err := r.keep(ctx, req.Scope, b)
	if err != nil {
		return Counts{}, err
	}
	if p == RemoteWrite1 && rejected.onlyExemplars() {
		return written, nil // 1.0 has no word for it, and every sample was kept.
	}
	err = rejected.Err(written.Samples + written.Histograms)
	var verdict *invoq.Error
	if p == RemoteWrite2 && errors.As(err, &verdict) {
		// 2.0 knows no other answer to a partial write.
		verdict.Kind = invoq.KindInvalid
	}
	return written, err
}

// decodedSize reads the length that the snappy block declares and refuses one
// above the limit before a byte is allocated for it.
func (r *Receiver) decodedSize(body []byte) (int64, error) {
	if len(body) > r.limits.WireBytes {
		return 0, invoq.Errorf(
			invoq.KindTooLarge,
			"body has %d bytes, at most %d are read",
			len(body),
			r.limits.WireBytes,
		)
	}
	n, err := snappy.DecodedLen(body)
	if err != nil {
		return 0, invoq.Errorf(invoq.KindInvalid, "body is not snappy block format: %v", err)
	}
	if n > r.limits.DecodedBytes {
		return 0, invoq.Errorf(invoq.KindTooLarge, "body has %d bytes once decoded, at most %d are read",
			n, r.limits.DecodedBytes)
	}
	return int64(n), nil
}

// reserve takes the request's share of memory, waiting a little for others to
// finish. The answer to a crowd is 503 with Retry-After: senders drop a batch
// on 429.
func reserve(ctx context.Context, budget *semaphore.Weighted, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, budgetWait)
	defer cancel()
	if err := budget.Acquire(ctx, n); err != nil {
		e := invoq.Errorf(invoq.KindUnavailable, "too many requests are being read; send this one again")
		e.RetryAfter = retryAfter
		return e.WithCause(err)
	}
	return nil
}
