package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"invoq"
)

// symbol is where a string of the request's table stands: its length at
// body[at:], its text at body[text:to].
type symbol struct{ at, text, to int32 }

// errNoRoom says that spelled labels need more memory than was reserved.
var errNoRoom = errors.New("labels need more room once they are spelled out")

// numberedBytes is what a numbered label takes beside its text at most: its
// bounds, its hash, and what each shard of the store knows about it.
const numberedBytes = 32

// spellingBytes is the least that is allocated for spelled labels.
const spellingBytes = 64 << 10

// The fields of the messages of 2.0 that are read here.
const (
	symbolsV2    = 4 // of Request
	timeseriesV2 = 5

	labelsV2     = 1 // of TimeSeries
	samplesV2    = 2
	histogramsV2 = 3
	exemplarsV2  = 4
	metadataV2   = 5
)

// decoderV2 reads an io.prometheus.write.v2.Request (remote write 2.0) into a
// batch.
//
//	Request    { repeated string symbols = 4; repeated TimeSeries timeseries = 5 }
//	TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2;
//	             repeated Histogram histograms = 3; repeated Exemplar exemplars = 4;
//	             Metadata metadata = 5 }
//
// Symbols are not copied. Each different label is spelled out once, in the form
// that 1.0 has on the wire, so that a series is known by the same labels
// whichever protocol brings it, and a series has their numbers. Limits are
// checked as it goes.
//
// Source: prometheus/prompb/io/prometheus/write/v2/types.proto.
type decoderV2 struct {
	body []byte
	lim  Limits
	// room is how many bytes labels may still take when all are spelled out.
	room int
	out  *Batch
}

// decodeV2 reads the body. It returns errNoRoom when labels take more than
// room bytes once they are spelled out.
func decodeV2(body []byte, lim Limits, room int, out *Batch) error {
	d := decoderV2{body, lim, room, out}
	// Nothing says that the table comes first.
	if err := d.each(symbolsV2, d.symbol); err != nil {
		return err
	}
	out.labels.reset()
	out.labels.pairs = append(out.labels.pairs, make([]pair, len(out.symbols))...)
	return d.each(timeseriesV2, d.series)
}

// each calls read for every field of the number, with the field's bounds and
// where its length stands.
func (d *decoderV2) each(field uint64, read func(at, from, to int) error) error {
	for i := 0; i < len(d.body); {
		tag, j := varint(d.body, i)
		if j < 0 {
			return badProtoV2()
		}
		if tag != field<<3|wireBytes {
			next, err := skip(d.body, j, int(tag&7))
			if err != nil {
				return badProtoV2()
			}
			i = next
			continue
		}
		from, to, err := span(d.body, j)
		if err != nil {
			return badProtoV2()
		}
		if err := read(j, from, to); err != nil {
			return err
		}
		i = to
	}
	return nil
}

// badProtoV2 refuses bytes that are no message of 2.0.
func badProtoV2() error {
	return invoq.Errorf(invoq.KindInvalid, "body is not an io.prometheus.write.v2.Request: %v", errTruncated)
}

// symbol notes one string of the table.
func (d *decoderV2) symbol(at, from, to int) error {
	if len(d.out.symbols) == d.lim.Symbols {
		return invoq.Errorf(invoq.KindTooLarge, "request has more than %d symbols", d.lim.Symbols)
	}
	d.out.symbols = append(d.out.symbols, symbol{int32(at), int32(from), int32(to)})
	return nil
}

// series reads one TimeSeries message.
func (d *decoderV2) series(_, from, to int) error {
	if len(d.out.Series) == d.lim.Series {
		return invoq.Errorf(invoq.KindTooLarge, "request has more than %d series", d.lim.Series)
	}
	s, b := d.out.begin(), d.body[from:to]
	d.out.refs = d.out.refs[:0]
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return badProtoV2()
		}
		next, err := skip(b, j, int(tag&7))
		if err != nil {
			return badProtoV2()
		}
		i = next
		if tag>>3 == labelsV2 {
			err = d.readRefs(tag, b, j, next, 0)
		} else if tag&7 == wireBytes {
			begin, _, _ := span(b, j)
			err = d.value(&s, tag>>3, b[begin:next])
		}
		if err != nil {
			return err
		}
	}
	return d.finish(s)
}

// finish numbers the series' labels and adds it to the batch.
func (d *decoderV2) finish(s Series) error {
	if err := d.number(d.out.refs); err != nil {
		return d.drop(s, err)
	}
	d.out.end(s)
	return nil
}

// drop counts a series whose labels cannot be read; other errors it returns.
func (d *decoderV2) drop(s Series, err error) error {
	var bad *LabelError
	if !errors.As(err, &bad) {
		return err
	}
	d.out.drop(s, bad.Reason, func() string { return bad.Detail })
	return nil
}

// value reads one element of a field that is no label.
func (d *decoderV2) value(s *Series, field uint64, b []byte) error {
	switch field {
	case samplesV2:
		return addSample(b, d.lim, d.out)
	case histogramsV2:
		return addHistogram(b, d.lim, d.out)
	case exemplarsV2:
		return d.exemplar(b)
	case metadataV2:
		return d.metadata(s, b)
	}
	return nil
}

// readRefs reads references to symbols, packed or one by one, to d.out.refs,
// where those of one label set begin at base.
func (d *decoderV2) readRefs(tag uint64, b []byte, from, to, base int) error {
	if tag&7 == wireBytes {
		from, to, _ = span(b, from)
	} else if tag&7 != wireVarint {
		return nil
	}
	refs, b := d.out.refs, b[:to]
	for from < to {
		// Fast path: a reference of one byte, or of two.
		n, next := uint64(b[from]), from+1
		if n >= 0x80 {
			if next < to && b[next] < 0x80 {
				n, next = n&0x7f|uint64(b[next])<<7, next+1
			} else if n, next = varint(b, from); next < 0 {
				return badProtoV2()
			}
		}
		// One more than may be tells number that they are too many.
		if from = next; len(refs)-base <= 2*d.lim.Labels {
			refs = append(refs, uint32(min(n, math.MaxUint32)))
		}
	}
	d.out.refs = refs
	return nil
}

// number appends the numbers of labels, which are given as references to names
// and values in turn. More than are read and a reference to nothing are a
// *LabelError; errNoRoom means that the request's room is used up.
func (d *decoderV2) number(refs []uint32) error {
	if len(refs) > 2*d.lim.Labels {
		return &LabelError{TooManyLabels, fmt.Sprintf("more than %d labels", d.lim.Labels)}
	}
	if len(refs)%2 != 0 {
		return &LabelError{InvalidLabel, "odd number of label references"}
	}
	labels, need := &d.out.labels, 0
	for i := 0; i+1 < len(refs); i += 2 {
		name, value := refs[i], refs[i+1]
		if int(value) >= len(labels.pairs) || labels.pairs[value].name != name ||
			labels.pairs[value].size == 0 {
			if err := d.label(name, value); err != nil {
				return err
			}
		}
		p := &labels.pairs[value]
		labels.numbers = append(labels.numbers, p.number)
		need += int(p.size)
	}
	if d.room -= need; d.room < 0 {
		return errNoRoom
	}
	return nil
}

// label spells a label and numbers it.
func (d *decoderV2) label(name, value uint32) error {
	for _, ref := range [...]uint32{name, value} {
		if int(ref) >= len(d.out.symbols) {
			return &LabelError{
				InvalidLabel, fmt.Sprintf("reference to symbol %d of %d", ref, len(d.out.symbols)),
			}
		}
	}
	n, v, labels := d.out.symbols[name], d.out.symbols[value], &d.out.labels
	size := n.fieldSize() + v.fieldSize()
	if d.room -= numberedBytes + 1 + binary.MaxVarintLen32 + size; d.room < 0 {
		return errNoRoom
	}
	before := len(labels.text)
	labels.text = binary.AppendUvarint(append(labels.text, 1<<3|wireBytes), uint64(size))
	labels.text = d.appendField(labels.text, 1, n)
	labels.text = d.appendField(labels.text, 2, v)
	labels.pairs[value] = pair{name, labels.added(), uint32(len(labels.text) - before)}
	return nil
}

// fieldSize returns how many bytes the symbol takes as a string field; an empty
// one is left out.
func (s symbol) fieldSize() int {
	if s.text == s.to {
		return 0
	}
	return 1 + int(s.to-s.at)
}

// appendField appends the symbol as a string field, its length as it stands.
func (d *decoderV2) appendField(b []byte, number byte, s symbol) []byte {
	if s.text == s.to {
		return b
	}
	return append(append(b, number<<3|wireBytes), d.body[s.at:s.to]...)
}

// exemplar reads an Exemplar message. Its references are put behind those of its
// series for as long as it takes, and spelled once, in however many pieces they
// come.
func (d *decoderV2) exemplar(b []byte) error {
	base := len(d.out.refs)
	err := addExemplar(b, d.lim, d.out, func(_ *Exemplar, b []byte, from, to int) error {
		tag, j := varint(b, from)
		return d.readRefs(tag, b, j, to, base)
	})
	refs := d.out.refs[base:]
	d.out.refs = d.out.refs[:base]
	if err != nil || len(refs) == 0 {
		return err
	}
	last, first := len(d.out.Exemplars)-1, len(d.out.labels.numbers)
	err = d.number(refs)
	numbers := d.out.labels.numbers[first:]
	d.out.labels.numbers = d.out.labels.numbers[:first]
	if bad, ok := errors.AsType[*LabelError](err); ok {
		// No sample is worth less for it.
		d.out.Exemplars = d.out.Exemplars[:last]
		d.out.Skipped.Add(BadExemplar, 1, func() string { return bad.Detail })
		return nil
	}
	if err == nil {
		d.out.Exemplars[last].Labels = d.out.join(numbers)
	}
	return err
}

// metadata reads a Metadata message
// { MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4 }. What it
// refers to in vain is left empty: no sample is worth less for it.
func (d *decoderV2) metadata(s *Series, b []byte) error {
	m := Metadata{Type: metadataTypes[0]}
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return badProtoV2()
		}
		next, err := skip(b, j, int(tag&7))
		if err != nil {
			return badProtoV2()
		}
		n, _ := varint(b, j)
		switch tag {
		case 1<<3 | wireVarint:
			if n < uint64(len(metadataTypes)) {
				m.Type = metadataTypes[n]
			}
		case 3<<3 | wireVarint:
			m.Help = d.text(n)
		case 4<<3 | wireVarint:
			m.Unit = d.text(n)
		}
		i = next
	}
	if m == (Metadata{Type: metadataTypes[0]}) {
		return nil
	}
	if s.Described == 0 {
		d.out.Descriptions = append(d.out.Descriptions, m)
		s.Described = int32(len(d.out.Descriptions))
		return nil
	}
	d.out.Descriptions[s.Described-1] = m // Of a field that repeats the last counts.
	return nil
}

// text returns a symbol, not copied, cut to the length that is kept.
func (d *decoderV2) text(ref uint64) string {
	if ref >= uint64(len(d.out.symbols)) {
		return ""
	}
	s := d.out.symbols[ref]
	return view(d.body[s.text:min(int(s.to), int(s.text)+d.lim.LabelValueBytes)])
}
