package queue

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"invoq"
)

// Limits of the outside consumer.
const (
	// MaxPop bounds the messages of one pop; each holds what arrived together.
	MaxPop = 100
	// popAckWait is how long popped events are its consumer's before they are
	// handed out again.
	popAckWait = time.Minute
	// popForget is after which time without a pop the consumer is forgotten,
	// and events do not wait for it any more.
	popForget = 24 * time.Hour
	popWait   = 200 * time.Millisecond
)

// Popped are events for an outside consumer. They are its own until it
// acknowledges the receipts, or popAckWait has passed.
type Popped struct {
	Events   []invoq.Event
	Receipts []string
}

// Pop hands out events that were put and not yet popped, of at most max
// messages, 1 to MaxPop. The book gets them all the same. The first pop makes
// the consumer: from then on events are kept until they are both posted and
// acknowledged here, or nobody has popped for a day.
func (q *Queue) Pop(ctx context.Context, max int) (Popped, error) {
	if max < 1 || max > MaxPop {
		return Popped{}, invoq.Errorf(invoq.KindUnprocessable, "%d is not between 1 and %d", max, MaxPop)
	}
	consumer, err := q.link.Load().stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: popConsumer, AckPolicy: jetstream.AckExplicitPolicy,
		DeliverPolicy: jetstream.DeliverAllPolicy, AckWait: popAckWait, InactiveThreshold: popForget,
	})
	if err != nil {
		return Popped{}, asError(err)
	}
	batch, err := consumer.Fetch(max, jetstream.FetchMaxWait(popWait))
	if err != nil {
		return Popped{}, asError(err)
	}
	var p Popped
	for m := range batch.Messages() {
		events, err := decode(nil, m.Data())
		if err != nil {
			// The drain puts it aside; here it must not come again for ever.
			if err := m.Term(); err != nil {
				return Popped{}, fmt.Errorf("pass over an unreadable message: %w", err)
			}
			continue
		}
		p.Events = append(p.Events, events...)
		p.Receipts = append(p.Receipts, base64.RawURLEncoding.EncodeToString([]byte(m.Reply())))
	}
	q.meters.popped.Add(len(p.Events))
	return p, asError(batch.Error())
}

// ackPrefix begins the subjects on which JetStream takes acknowledgements of
// the consumer; a receipt is one of them.
const ackPrefix = "$JS.ACK."

// Ack acknowledges popped events by their receipts: they are not handed out
// again. A receipt that is none is KindUnprocessable.
func (q *Queue) Ack(ctx context.Context, receipts []string) error {
	subjects := make([]string, len(receipts))
	for i, receipt := range receipts {
		b, err := base64.RawURLEncoding.DecodeString(receipt)
		subjects[i] = string(b)
		if err != nil || !strings.HasPrefix(subjects[i], ackPrefix) ||
			!strings.Contains(subjects[i], streamName+"."+popConsumer+".") ||
			strings.ContainsAny(subjects[i], " \t\r\n*>") {
			return invoq.Errorf(invoq.KindUnprocessable, "receipt %q was not handed out here", receipt)
		}
	}
	for _, subject := range subjects {
		if _, err := q.link.Load().conn.RequestWithContext(ctx, subject, nil); err != nil {
			return asError(err)
		}
	}
	return nil
}

// popFloor returns up to which sequence the outside consumer has acknowledged,
// if there is one.
func (q *Queue) popFloor(ctx context.Context) (uint64, bool) {
	consumer, err := q.link.Load().stream.Consumer(ctx, popConsumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, false
	}
	if err != nil {
		return 0, true // Nothing is forgotten that it may still need.
	}
	return consumer.CachedInfo().AckFloor.Stream, true
}
