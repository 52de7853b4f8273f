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

// pair is where a label stands in Batch.spelled: the one of the name, which is a
// symbol's number. There is none before to is set.
type pair struct {
	name     uint32
	from, to int32
}

// errNoRoom says that spelled labels need more memory than was reserved.
var errNoRoom = errors.New("labels need more room once they are spelled out")

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
// Symbols are not copied. A series' labels are spelled out into one buffer of
// the batch, in the form that 1.0 has on the wire, so that a series is known by
// the same key whichever protocol brings it. A label that stood there before is
// copied from where it stands. Limits are checked as it goes.
//
// Source: prometheus/prompb/io/prometheus/write/v2/types.proto.
type decoderV2 struct {
	body []byte
	lim  Limits
	// room is how many bytes spelled labels may still take.
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
	out.pairs = append(out.pairs[:0], make([]pair, len(out.symbols))...)
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

// finish spells the series' labels and adds it to the batch.
func (d *decoderV2) finish(s Series) error {
	var err error
	if s.Labels, err = d.spell(d.out.refs); err != nil {
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
	refs := d.out.refs
	for from < to {
		n, next := varint(b[:to], from)
		if next < 0 {
			return badProtoV2()
		}
		if len(refs)-base == 2*d.lim.Labels {
			return invoq.Errorf(invoq.KindTooLarge, "a series has more than %d labels", d.lim.Labels)
		}
		refs, from = append(refs, uint32(min(n, math.MaxUint32))), next
	}
	d.out.refs = refs
	return nil
}

// spell writes labels, given as references to names and values in turn, as
// fields of a TimeSeries message of 1.0. A reference to nothing is a
// *LabelError; errNoRoom means that the request's room is used up.
func (d *decoderV2) spell(refs []uint32) ([]byte, error) {
	need, err := d.measure(refs)
	if err != nil {
		return nil, err
	}
	if d.room -= need; d.room < 0 {
		return nil, errNoRoom
	}
	buf, base, n := d.out.room(need)[:need], len(d.out.spelled), 0
	before := d.out.spelled[:base+need]
	for i := 0; i < len(refs); i += 2 {
		p, from := &d.out.pairs[refs[i+1]], n
		if p.to > 0 && p.name == refs[i] {
			n += copy(buf[n:], before[p.from:p.to])
		} else {
			n += d.label(buf[n:], refs[i], refs[i+1])
		}
		// The newest place is the one that is still in the processor's cache.
		*p = pair{refs[i], int32(base + from), int32(base + n)}
	}
	return d.out.spelt(buf[:n]), nil
}

// label writes one label and returns how many bytes that takes.
func (d *decoderV2) label(buf []byte, nameRef, valueRef uint32) int {
	name, value := d.out.symbols[nameRef], d.out.symbols[valueRef]
	buf[0] = 1<<3 | wireBytes
	n := 1 + binary.PutUvarint(buf[1:], uint64(name.fieldSize()+value.fieldSize()))
	n += d.field(buf[n:], 1, name)
	return n + d.field(buf[n:], 2, value)
}

// measure returns how many bytes the labels take at most once they are spelled.
func (d *decoderV2) measure(refs []uint32) (int, error) {
	if len(refs)%2 != 0 {
		return 0, &LabelError{InvalidLabel, "odd number of label references"}
	}
	most, need := uint32(len(d.out.symbols)), 0
	for i, ref := range refs {
		if ref >= most {
			return 0, &LabelError{InvalidLabel, fmt.Sprintf("reference to symbol %d of %d", ref, most)}
		}
		if need += d.out.symbols[ref].fieldSize(); i%2 == 0 {
			need += 1 + binary.MaxVarintLen32
		}
	}
	return need, nil
}

// fieldSize returns how many bytes the symbol takes as a string field; an empty
// one is left out.
func (s symbol) fieldSize() int {
	if s.text == s.to {
		return 0
	}
	return 1 + int(s.to-s.at)
}

// field writes the symbol as a string field, its length as it stands, and
// returns how many bytes that takes.
func (d *decoderV2) field(buf []byte, number byte, s symbol) int {
	if s.text == s.to {
		return 0
	}
	buf[0] = number<<3 | wireBytes
	return 1 + copy(buf[1:], d.body[s.at:s.to])
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
	last := len(d.out.Exemplars) - 1
	var bad *LabelError
	if d.out.Exemplars[last].Labels, err = d.spell(refs); errors.As(err, &bad) {
		// No sample is worth less for it.
		d.out.Exemplars = d.out.Exemplars[:last]
		d.out.Skipped.Add(BadExemplar, 1, func() string { return bad.Detail })
		return nil
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
