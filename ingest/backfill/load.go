package backfill

import (
	"context"

	"invoq"
	"invoq/ingest"
)

// batchSamples is how many samples are stored at once.
const batchSamples = 10_000

// Loader stores samples of text for one tenant.
type Loader struct {
	// Receiver stores them.
	Receiver *ingest.Receiver
	Tenant   invoq.TenantName
	// Skip goes on after samples that are refused; without it the first ends
	// the load.
	Skip bool
	// Most bounds how many samples are read; 0 is no bound.
	Most int

	// Read counts the samples that were read, Refused those that were not taken.
	Read    int
	Refused ingest.Rejections
}

// Load stores all samples. Unless it skips, an error names the line of the
// first that is refused, and why.
func (l *Loader) Load(ctx context.Context, all Samples) error {
	batch := make([]Sample, 0, batchSamples)
	for s, err := range all {
		if err != nil {
			return err
		}
		if l.Read++; l.Most > 0 && l.Read > l.Most {
			return lineError(s.Line, "more than %d samples: load them in parts", l.Most)
		}
		if batch = append(batch, s); len(batch) == batchSamples {
			if err := l.store(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return l.store(ctx, batch)
}

// store stores a batch. Where something is refused the samples are stored again
// one by one, which changes nothing, to tell which it was.
func (l *Loader) store(ctx context.Context, batch []Sample) error {
	refused, err := l.take(ctx, batch)
	if err != nil {
		return err
	}
	if refused.Total() == 0 {
		return nil
	}
	if l.Skip {
		l.Refused.Merge(refused)
		return nil
	}
	for i := range batch {
		one, err := l.take(ctx, batch[i:i+1])
		if err != nil {
			return err
		}
		for _, why := range ingest.Reasons() {
			if one.Count(why) > 0 {
				return lineError(batch[i].Line, "%s: %s", text(why), one.Example(why))
			}
		}
	}
	// What was ahead of the clock is not any more, and all is stored.
	return nil
}

// text is what was refused for the reason, in words: the age of old samples is
// bound by another limit than that of those which come late.
func text(why ingest.Reason) string {
	if why == ingest.TooOld {
		return "samples older than the retention less a day"
	}
	return why.Text()
}

// take hands samples to the receiver.
func (l *Loader) take(ctx context.Context, batch []Sample) (ingest.Rejections, error) {
	if len(batch) == 0 {
		return ingest.Rejections{}, nil
	}
	_, refused, err := l.Receiver.Take(ctx, ingest.Scope{Tenant: l.Tenant}, 0, func(b ingest.Builder) error {
		for i := range batch {
			if err := b.Add(batch[i].Labels, ingest.Value{T: batch[i].T, V: batch[i].V}); err != nil {
				return err
			}
		}
		return nil
	})
	return refused, err
}
