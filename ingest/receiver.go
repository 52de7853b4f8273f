package ingest

import (
	"context"
	"mime"
	"strings"
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
	budgetWait = 5 * time.Second
	retryAfter = 2 * time.Second
)

// Receiver decodes what senders push and hands it to a Store. It is safe for
// concurrent use.
type Receiver struct {
	store  Store
	limits Limits
	// budget is the memory left for decoded bodies.
	budget *semaphore.Weighted
	pool   sync.Pool // *decoded
	m      receiverMetrics
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
		pool:   sync.Pool{New: func() any { return new(decoded) }},
		m:      newReceiverMetrics(set),
	}
}

// Limits returns the limits of a request.
func (r *Receiver) Limits() Limits { return r.limits }

// Request is one pushed body, still compressed.
type Request struct {
	ContentType, ContentEncoding string
	Body                         []byte
	Scope                        Scope
}

// RemoteWrite takes one remote-write request (protocol 1.0) and returns how
// many samples were stored durably. The error, if any, carries the verdict:
// kinds that are the sender's fault mean that the good samples were kept and
// sending the rest again cannot help; KindUnavailable, KindStorageFull and
// KindInternal mean that the whole request may be sent again.
func (r *Receiver) RemoteWrite(ctx context.Context, req Request) (accepted int, err error) {
	started := time.Now()
	defer func() { r.m.observe(started, accepted, err) }()

	if err := acceptsV1(req.ContentType, req.ContentEncoding); err != nil {
		return 0, err
	}
	size, err := r.decodedSize(req.Body)
	if err != nil {
		return 0, err
	}
	if err := r.reserve(ctx, size); err != nil {
		return 0, err
	}
	defer r.budget.Release(size)

	d := r.pool.Get().(*decoded)
	defer r.pool.Put(d)
	body, err := snappy.Decode(d.body[:cap(d.body)], req.Body)
	if err != nil {
		return 0, invoq.Errorf(invoq.KindInvalid, "body is not snappy block format: %v", err)
	}
	d.body = body
	d.batch.reset()
	if err := decodeV1(body, r.limits, &d.batch); err != nil {
		return 0, err
	}
	return r.write(ctx, req.Scope, &d.batch)
}

// write stores the batch and turns rejections into the sender's verdict.
func (r *Receiver) write(ctx context.Context, scope Scope, b *Batch) (int, error) {
	rejected, err := r.store.Write(ctx, scope, b)
	if err != nil {
		return 0, err
	}
	accepted := len(b.Samples) - rejected.Samples()
	rejected.Merge(b.Skipped)
	r.m.reject(rejected)
	return accepted, rejected.Err(accepted)
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
func (r *Receiver) reserve(ctx context.Context, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, budgetWait)
	defer cancel()
	if err := r.budget.Acquire(ctx, n); err != nil {
		e := invoq.Errorf(invoq.KindUnavailable, "too many requests are being decoded; send this one again")
		e.RetryAfter = retryAfter
		return e.WithCause(err)
	}
	return nil
}

// acceptsV1 checks the headers before anything is decompressed. A sender that
// names nothing is taken at its word to speak 1.0, as the protocol asks.
func acceptsV1(contentType, encoding string) error {
	if encoding != "" && !strings.EqualFold(encoding, "snappy") {
		return invoq.Errorf(
			invoq.KindUnsupported,
			"Content-Encoding %q is not read here, only snappy",
			encoding,
		)
	}
	if contentType == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/x-protobuf" {
		return invoq.Errorf(
			invoq.KindUnsupported,
			"Content-Type %q is not read here, only application/x-protobuf",
			contentType,
		)
	}
	if proto := params["proto"]; proto != "" && proto != "prometheus.WriteRequest" {
		return invoq.Errorf(
			invoq.KindUnsupported,
			"message %q is not read here, only prometheus.WriteRequest",
			proto,
		)
	}
	return nil
}
