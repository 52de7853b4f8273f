package ingest

import (
	"encoding/binary"
	"errors"
	"math"

	"invoq"
)

// addSample reads a Sample message into the batch.
func addSample(b []byte, lim Limits, out *Batch) error {
	if len(out.Samples) == lim.Samples {
		return invoq.Errorf(invoq.KindTooLarge, "request has more than %d samples", lim.Samples)
	}
	s, err := decodeSample(b)
	if err != nil {
		return badProto()
	}
	out.Samples = append(out.Samples, s)
	return nil
}

// decodeSample reads a Sample message
//
//	{ double value = 1; int64 timestamp = 2; int64 start_timestamp = 3 (2.0 only) }
func decodeSample(b []byte) (Sample, error) {
	var s Sample
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return s, errTruncated
		}
		switch tag {
		case 1<<3 | wireI64:
			if j+8 > len(b) {
				return s, errTruncated
			}
			s.V = math.Float64frombits(binary.LittleEndian.Uint64(b[j:]))
			i = j + 8
		case 2<<3 | wireVarint, 3<<3 | wireVarint:
			t, next := varint(b, j)
			if next < 0 {
				return s, errTruncated
			}
			if i = next; tag>>3 == 2 {
				s.T = int64(t)
			} else {
				s.Start = int64(t)
			}
		default:
			next, err := skip(b, j, int(tag&7))
			if err != nil {
				return s, err
			}
			i = next
		}
	}
	return s, nil
}

// addHistogram reads a Histogram message into the batch.
func addHistogram(b []byte, lim Limits, out *Batch) error {
	err := decodeHistogram(b, lim, out)
	if errors.Is(err, errTruncated) {
		return badProto()
	}
	return err
}

// labelReader reads the field at b[from:to], which holds labels of an exemplar.
type labelReader func(e *Exemplar, b []byte, from, to int) error

// addExemplar reads an Exemplar message into the batch. Its labels come as
// messages (1.0) or references (2.0).
//
//	Exemplar { labels = 1; double value = 2; int64 timestamp = 3 }
func addExemplar(b []byte, lim Limits, out *Batch, readLabels labelReader) error {
	if len(out.Exemplars) == lim.Exemplars {
		return invoq.Errorf(invoq.KindTooLarge, "request has more than %d exemplars", lim.Exemplars)
	}
	var e Exemplar
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return badProto()
		}
		next, err := skip(b, j, int(tag&7))
		if err != nil {
			return badProto()
		}
		switch tag {
		case 2<<3 | wireI64:
			e.V = math.Float64frombits(binary.LittleEndian.Uint64(b[j:]))
		case 3<<3 | wireVarint:
			t, _ := varint(b, j)
			e.T = int64(t)
		default:
			if tag>>3 == 1 {
				err = readLabels(&e, b, i, next)
			}
		}
		if err != nil {
			return err
		}
		i = next
	}
	out.Exemplars = append(out.Exemplars, e)
	return nil
}

// labelFields takes a Label message of an exemplar as it stands.
func labelFields(e *Exemplar, b []byte, from, to int) error {
	if b[from]&7 == wireBytes {
		e.Labels = appendField(e.Labels, b, from, to)
	}
	return nil
}
