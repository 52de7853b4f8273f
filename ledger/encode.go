package ledger

import (
	"encoding/binary"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"invoq"
)

// One of these begins every encoded entry, so that no form can be taken for
// another. Entries that are billed in the currency of their cost keep the first.
const (
	encodingVersion  = 1
	encodingBilledIn = 2 // with the currency of the billed cost
)

// AppendEncoding appends the canonical form of the entry, which is what its
// leaf in the tree is the hash of. It holds every field but the position,
// which is the leaf's own; equal entries have equal forms whatever the scale
// of their numbers. docs/ledger.md describes it for other implementations.
func (e *Entry) AppendEncoding(b []byte) []byte {
	version := byte(encodingVersion)
	if e.BilledCurrency != "" {
		version = encodingBilledIn
	}
	b = append(b, version)
	for _, s := range [...]string{
		string(e.TenantID), string(e.UserID), e.Platform, e.Provider, e.Namespace, e.Service,
		e.Revision, string(e.Meter),
	} {
		b = appendString(b, s)
	}
	b = appendNumber(b, &e.Quantity)
	b = e.Charge.appendEncoding(b)
	for _, s := range [...]string{e.RequestID, e.Corrects, e.Labels} {
		b = appendString(b, s)
	}
	b = appendTime(b, e.EventTime)
	return appendTime(b, e.ReceivedAt)
}

func (c *Charge) appendEncoding(b []byte) []byte {
	b = binary.AppendVarint(b, c.Catalogue)
	b = appendString(b, string(c.Currency))
	if c.BilledCurrency != "" {
		b = appendString(b, string(c.BilledCurrency))
	}
	b = appendOptional(b, c.Costed, &c.UnitCost, &c.RealCost)
	b = appendOptional(b, c.Priced, &c.BilledCost)
	return appendString(b, string(c.Model))
}

// Leaf returns the hash of the entry as a leaf of the tree (RFC 6962, 2.1).
// The buffer is used for the encoding and returned to be used again.
func (e *Entry) Leaf(buf []byte) (tlog.Hash, []byte) {
	buf = e.AppendEncoding(buf[:0])
	return tlog.RecordHash(buf), buf
}

// appendString appends a length and the bytes, so that no two lists of strings
// have one form.
func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendOptional tells numbers that are not known from those that are 0.
func appendOptional(b []byte, known bool, numbers ...*invoq.Decimal) []byte {
	if !known {
		return append(b, 0)
	}
	b = append(b, 1)
	for _, n := range numbers {
		b = appendNumber(b, n)
	}
	return b
}

// appendNumber appends plain notation, of which equal numbers have one.
func appendNumber(b []byte, n *invoq.Decimal) []byte {
	var digits [64]byte
	return appendString(b, n.Append(digits[:0]))
}

func appendTime(b []byte, t time.Time) []byte { return binary.AppendVarint(b, t.UnixMicro()) }
