package ingest

import (
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// TenantLabel is the label that says whose a series is. It is stamped here and
// never taken from a payload unless the scope lets the payload decide.
const TenantLabel = "tenant"

// ReservedPrefix begins the names of series that Invoq computes itself: nobody
// may send one.
const ReservedPrefix = "invoq_"

// LabelError says which rule the labels of a series break.
type LabelError struct {
	Reason Reason
	Detail string
}

// Error returns the rule and the label.
func (e *LabelError) Error() string { return reasonTexts[e.Reason].text + ": " + e.Detail }

// ParseLabels reads and validates the label bytes of a series. Labels with an
// empty value are dropped, as Prometheus does. The result shares no memory
// with raw. Errors are *LabelError.
func ParseLabels(raw []byte, lim Limits, b *labels.ScratchBuilder) (labels.Labels, error) {
	return parseLabels(raw, lim, b, false)
}

// ParseExemplarLabels is ParseLabels for an exemplar, which has no name.
func ParseExemplarLabels(raw []byte, lim Limits, b *labels.ScratchBuilder) (labels.Labels, error) {
	return parseLabels(raw, lim, b, true)
}

// parseLabels reads label fields; nameless says that no metric name is needed.
func parseLabels(raw []byte, lim Limits, b *labels.ScratchBuilder, nameless bool) (labels.Labels, error) {
	b.Reset()
	named, reserved := nameless, false
	for i := 0; i < len(raw); {
		_, from, to := nextLabel(raw, i)
		if to < 0 {
			return labels.EmptyLabels(), &LabelError{InvalidLabel, "malformed label"}
		}
		name, value, ok := labelPair(raw[from:to])
		if !ok {
			return labels.EmptyLabels(), &LabelError{InvalidLabel, "malformed label"}
		}
		if err := checkLabel(name, value, lim); err != nil {
			return labels.EmptyLabels(), err
		}
		if name == model.MetricNameLabel {
			named = named || value != ""
			reserved = strings.HasPrefix(value, ReservedPrefix)
		}
		if value != "" {
			b.Add(name, value)
		}
		i = to
	}
	if reserved {
		return labels.EmptyLabels(), &LabelError{ReservedName, describe(raw)}
	}
	if !named {
		return labels.EmptyLabels(), &LabelError{MissingName, describe(raw)}
	}
	b.Sort()
	ls := b.Labels()
	if dup, is := ls.HasDuplicateLabelNames(); is {
		return labels.EmptyLabels(), &LabelError{DuplicateLabel, fmt.Sprintf("%q", strings.Clone(dup))}
	}
	return ls, nil
}

// nextLabel returns the bounds of the label message whose tag is at raw[i].
func nextLabel(raw []byte, i int) (tag uint64, from, to int) {
	tag, j := varint(raw, i)
	if j < 0 {
		return 0, 0, -1
	}
	from, to, err := span(raw, j)
	if err != nil {
		return 0, 0, -1
	}
	return tag, from, to
}

// CutLabel returns the first label of raw as the field that it is on the wire,
// and what follows it; of what is no label, all. Raw is not empty.
func CutLabel(raw []byte) (label, rest []byte) {
	// Fast path: a tag and a length of one byte each.
	if len(raw) > 1 && raw[0]|raw[1] < 0x80 {
		if to := 2 + int(raw[1]); to <= len(raw) {
			return raw[:to], raw[to:]
		}
	}
	return cutLabel(raw)
}

// cutLabel is CutLabel for every label.
func cutLabel(raw []byte) (label, rest []byte) {
	_, _, to := nextLabel(raw, 0)
	if to < 0 {
		return raw, nil
	}
	return raw[:to], raw[to:]
}

// labelPair reads a Label message { string name = 1; string value = 2 }. The
// strings point into b.
func labelPair(b []byte) (name, value string, ok bool) {
	for i := 0; i < len(b); {
		tag, from, to := nextLabel(b, i)
		if to < 0 {
			return "", "", false
		}
		switch tag {
		case 1<<3 | wireBytes:
			name = view(b[from:to])
		case 2<<3 | wireBytes:
			value = view(b[from:to])
		}
		i = to
	}
	return name, value, true
}

// checkLabel holds one label against the limits.
func checkLabel(name, value string, lim Limits) error {
	switch {
	case len(name) > lim.LabelNameBytes:
		return &LabelError{
			LabelTooLong,
			fmt.Sprintf("label name of %d bytes, at most %d", len(name), lim.LabelNameBytes),
		}
	case len(value) > lim.LabelValueBytes:
		return &LabelError{LabelTooLong, fmt.Sprintf("value of label %q has %d bytes, at most %d",
			strings.Clone(name), len(value), lim.LabelValueBytes)}
	case name == "":
		return &LabelError{InvalidLabel, "label without a name"}
	case !utf8.ValidString(name) || !utf8.ValidString(value):
		return &LabelError{InvalidLabel, fmt.Sprintf("label %q is not UTF-8", strings.Clone(name))}
	case strings.IndexByte(name, 0) >= 0 || strings.IndexByte(value, 0) >= 0:
		return &LabelError{InvalidLabel, fmt.Sprintf("label %q holds the character NUL", strings.Clone(name))}
	}
	return nil
}

// view returns b as a string without copying it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// describe returns label bytes in a form fit for an error message.
func describe(raw []byte) string {
	const most = 200
	var sb strings.Builder
	sb.WriteByte('{')
	for i := 0; i < len(raw) && sb.Len() < most; {
		_, from, to := nextLabel(raw, i)
		if to < 0 {
			break
		}
		name, value, _ := labelPair(raw[from:to])
		if sb.Len() > 1 {
			sb.WriteString(", ")
		}
		fmt.Fprintf(&sb, "%.40q: %.80q", name, value)
		i = to
	}
	sb.WriteByte('}')
	return sb.String()
}
