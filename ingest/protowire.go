package ingest

import (
	"encoding/binary"
	"errors"
)

// Protocol buffers' wire types, of which remote write uses these.
const (
	wireVarint = 0
	wireI64    = 1
	wireBytes  = 2
	wireI32    = 5
)

var errTruncated = errors.New("protobuf message is cut short or malformed")

// varint reads an unsigned varint at b[i:] and returns it and the index behind
// it, or an index of −1 when there is none.
func varint(b []byte, i int) (uint64, int) {
	// Fast path: one byte, which most lengths and all tags are, or two, which most
	// references to symbols are.
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	if i+1 < len(b) && b[i+1] < 0x80 {
		return uint64(b[i]&0x7f) | uint64(b[i+1])<<7, i + 2
	}
	v, n := binary.Uvarint(b[min(i, len(b)):])
	if n <= 0 {
		return 0, -1
	}
	return v, i + n
}

// span reads a length at b[i:] and returns the bounds of what it measures.
func span(b []byte, i int) (from, to int, err error) {
	n, i := varint(b, i)
	if i < 0 || n > uint64(len(b)-i) {
		return 0, 0, errTruncated
	}
	return i, i + int(n), nil
}

// skip returns the index behind a field of the given wire type at b[i:].
func skip(b []byte, i, wire int) (int, error) {
	switch wire {
	case wireVarint:
		_, i = varint(b, i)
	case wireI64:
		i += 8
	case wireI32:
		i += 4
	case wireBytes:
		_, to, err := span(b, i)
		return to, err
	default:
		return 0, errTruncated
	}
	if i < 0 || i > len(b) {
		return 0, errTruncated
	}
	return i, nil
}
