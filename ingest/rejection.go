package ingest

import (
	"fmt"
	"strings"

	"invoq"
)

// Reason says why a sample was not kept. It is a label of Invoq's own metrics.
type Reason uint8

// The reasons, the gravest for the sender's verdict first.
const (
	MissingName Reason = iota
	DuplicateLabel
	InvalidLabel
	TooManyLabels
	ReservedName
	OutOfOrder
	TooOld
	Duplicate
	BadHistogram
	Untranslatable
	BadExemplar
	LateExemplar
	SeriesLimit
	LabelTooLong
	InFuture
	InSeconds
	NotANumber
	reasons // the number of reasons
)

// reasonTexts are the reasons' names in metrics, their kinds and their words
// for the user.
var reasonTexts = [reasons]struct {
	name, text string
	kind       invoq.Kind
}{
	MissingName:    {"missing_name", "series without __name__", invoq.KindInvalid},
	DuplicateLabel: {"duplicate_label", "series that name a label twice", invoq.KindInvalid},
	InvalidLabel:   {"invalid_label", "series with a label that is empty or not UTF-8", invoq.KindInvalid},
	TooManyLabels:  {"too_many_labels", "series with more labels than are read", invoq.KindInvalid},
	ReservedName: {
		"reserved_name",
		"series whose name begins with " + ReservedPrefix + ", as those do that Invoq computes itself",
		invoq.KindInvalid,
	},
	OutOfOrder: {"out_of_order", "samples out of order", invoq.KindInvalid},
	TooOld:     {"too_old", "samples older than the accepted lateness", invoq.KindInvalid},
	Duplicate: {
		"duplicate",
		"samples that differ from the one stored for the same time",
		invoq.KindInvalid,
	},
	BadHistogram: {
		"bad_histogram",
		"native histograms that contradict themselves",
		invoq.KindInvalid,
	},
	Untranslatable: {"untranslatable", "metrics that cannot be made series", invoq.KindInvalid},
	BadExemplar: {
		"bad_exemplar",
		"exemplars that are too long or belong to no sample",
		invoq.KindInvalid,
	},
	LateExemplar: {"late_exemplar", "exemplars older than those stored", invoq.KindInvalid},
	SeriesLimit:  {"series_limit", "new series above the tenant's limit", invoq.KindLimited},
	LabelTooLong: {"label_too_long", "series with a label that is too long", invoq.KindUnprocessable},
	InFuture:     {"in_future", "samples too far in the future", invoq.KindUnprocessable},
	InSeconds: {
		"in_seconds",
		"samples whose time looks like seconds, not milliseconds",
		invoq.KindUnprocessable,
	},
	NotANumber: {
		"not_a_number",
		"NaN or infinite values of a billable counter",
		invoq.KindUnprocessable,
	},
}

// String returns the reason's name as metrics carry it.
func (r Reason) String() string { return reasonTexts[r].name }

// Text returns what was refused for the reason, in words.
func (r Reason) Text() string { return reasonTexts[r].text }

// Reasons returns all reasons.
func Reasons() []Reason {
	all := make([]Reason, reasons)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// Counts says how many of each kind of value.
type Counts struct{ Samples, Histograms, Exemplars int }

// Add returns the sums.
func (c Counts) Add(o Counts) Counts {
	return Counts{c.Samples + o.Samples, c.Histograms + o.Histograms, c.Exemplars + o.Exemplars}
}

// sub returns the differences.
func (c Counts) sub(o Counts) Counts {
	return Counts{c.Samples - o.Samples, c.Histograms - o.Histograms, c.Exemplars - o.Exemplars}
}

// Total returns how many values of all kinds.
func (c Counts) Total() int { return c.Samples + c.Histograms + c.Exemplars }

// Rejections counts samples that were not kept, with one example a reason.
// The zero value is empty.
type Rejections struct {
	counts   [reasons]int
	batch    Counts // how many of the counted are in the batch
	examples [reasons]string
}

// AddValues counts values of the batch as rejected.
func (r *Rejections) AddValues(why Reason, n Counts, example func() string) {
	r.batch = r.batch.Add(n)
	r.Add(why, n.Total(), example)
}

// AddSamples counts n samples of the batch as rejected.
func (r *Rejections) AddSamples(why Reason, n int, example func() string) {
	r.AddValues(why, Counts{Samples: n}, example)
}

// Batch returns how many values of the batch were rejected.
func (r Rejections) Batch() Counts { return r.batch }

// Samples returns how many samples of the batch were rejected.
func (r Rejections) Samples() int { return r.batch.Samples }

// Add counts n things that are not in the batch (what could not be read,
// series without values). Example, called at most once a reason, describes one
// of them.
func (r *Rejections) Add(why Reason, n int, example func() string) {
	if r.counts[why] == 0 && example != nil {
		r.examples[why] = example()
	}
	r.counts[why] += n
}

// Merge adds the other's counts.
func (r *Rejections) Merge(o Rejections) {
	for why, n := range o.counts {
		if n > 0 {
			r.Add(Reason(why), n, func() string { return o.examples[why] })
		}
	}
	r.batch = r.batch.Add(o.batch)
}

// Count returns how many samples were rejected for the reason.
func (r Rejections) Count(why Reason) int { return r.counts[why] }

// Example describes one of those rejected for the reason.
func (r Rejections) Example(why Reason) string { return r.examples[why] }

// Total returns how many samples were rejected.
func (r Rejections) Total() int {
	n := 0
	for _, c := range r.counts {
		n += c
	}
	return n
}

// onlyExemplars reports whether nothing but exemplars was rejected.
func (r Rejections) onlyExemplars() bool {
	return r.Total() == r.counts[BadExemplar]+r.counts[LateExemplar]
}

// Err returns nil when nothing was rejected; otherwise the sender's verdict,
// of the gravest reason's kind, that counts every reason.
func (r Rejections) Err(accepted int) error {
	var parts []string
	var kind invoq.Kind
	for why, n := range r.counts {
		if n == 0 {
			continue
		}
		t := reasonTexts[why]
		if kind == "" {
			kind = t.kind
		}
		part := fmt.Sprintf("%d %s", n, t.text)
		if r.examples[why] != "" {
			part += " (such as " + r.examples[why] + ")"
		}
		parts = append(parts, part)
	}
	if kind == "" {
		return nil
	}
	return invoq.Errorf(
		kind,
		"kept %d samples, rejected %d: %s",
		accepted,
		r.Total(),
		strings.Join(parts, "; "),
	)
}
