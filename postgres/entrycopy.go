package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"invoq"
	"invoq/ledger"
)

// entryColumns are the columns of an entry, in the order of appendCopy and
// scanEntry.
const entryColumns = `position, tenant_id, user_id, platform, provider, namespace, service, ` +
	`revision, meter, quantity, catalogue, currency, unit_cost, real_cost, billed_cost, model, ` +
	`request_id, corrects, labels, event_time, received_at, billed_currency`

// The binary format of COPY (PostgreSQL, "COPY", File Formats): a header, rows,
// a trailer. The database reads numbers, times and ids of it in half the time
// that it needs for text.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
	// copyFields is the number of entryColumns, copyBytes about what a row takes.
	copyFields = 22
	copyBytes  = 300
)

// epochMicros is 2000-01-01, from which the database counts, in microseconds
// since 1970.
const epochMicros = 946_684_800_000_000

// appendCopy appends an entry as a row.
func appendCopy(b []byte, e *ledger.Entry) ([]byte, error) {
	b = binary.BigEndian.AppendUint16(b, copyFields)
	b = appendCopyInt(b, e.Position)
	for _, id := range [...]string{string(e.TenantID), string(e.UserID)} {
		raw, err := uuid.Parse(id)
		if err != nil {
			return b, fmt.Errorf("id %q of entry %d: %w", id, e.Position, err)
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(raw))), raw[:]...)
	}
	for _, s := range [...]string{
		e.Platform, e.Provider, e.Namespace, e.Service, e.Revision, string(e.Meter),
	} {
		b = appendCopyText(b, s)
	}
	b = appendCopyNumber(b, true, &e.Quantity)
	b = appendCopyInt(b, e.Catalogue)
	b = appendCopyText(b, string(e.Currency))
	b = appendCopyNumber(b, e.Costed, &e.UnitCost)
	b = appendCopyNumber(b, e.Costed, &e.RealCost)
	b = appendCopyNumber(b, e.Priced, &e.BilledCost)
	for _, s := range [...]string{string(e.Model), e.RequestID, e.Corrects, e.Labels} {
		b = appendCopyText(b, s)
	}
	b = appendCopyTime(b, e.EventTime)
	b = appendCopyTime(b, e.ReceivedAt)
	return appendCopyText(b, string(e.BilledCurrency)), nil
}

// copyKeyBytes is what a row of a key takes.
const copyKeyBytes = 2 + 3*4 + 2*16 + 8

// appendCopyKey appends a key of the batch at size as a row.
func appendCopyKey(b []byte, k *ledger.Key, size int64) []byte {
	b = binary.BigEndian.AppendUint16(b, 3)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(k.ID))), k.ID[:]...)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(k.Content))), k.Content[:]...)
	return appendCopyInt(b, size)
}

func appendCopyInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(n))
}

func appendCopyTime(b []byte, t time.Time) []byte {
	return appendCopyInt(b, t.UnixMicro()-epochMicros)
}

func appendCopyText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// appendCopyNumber appends a number, or NULL for one that is not known.
func appendCopyNumber(b []byte, known bool, d *invoq.Decimal) []byte {
	if !known {
		return binary.BigEndian.AppendUint32(b, 0xffff_ffff)
	}
	from := len(b)
	b = appendNumeric(append(b, 0, 0, 0, 0), d)
	binary.BigEndian.PutUint32(b[from:], uint32(len(b)-from-4))
	return b
}

// appendNumeric appends a number as numeric_recv reads it (PostgreSQL,
// src/backend/utils/adt/numeric.c): how many digits of base 10,000 there are,
// the power of the first, the sign, the decimal places, and the digits.
func appendNumeric(b []byte, d *invoq.Decimal) []byte {
	var room [64]byte
	text := d.Append(room[:0])
	sign := uint16(0)
	if text[0] == '-' {
		text, sign = text[1:], 0x4000
	}
	whole, places := len(text), 0
	if point := bytes.IndexByte(text, '.'); point >= 0 {
		whole, places = point, len(text)-point-1
	}
	before, after := (whole+3)/4, (places+3)/4 // digits of base 10,000
	for _, n := range [...]uint16{
		uint16(before + after), uint16(before - 1), sign, uint16(places),
	} {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	b = appendDigits(b, 4*before-whole, text[:whole])
	return appendDigits(b, 0, text[len(text)-places:])
}

// appendDigits appends digits of base 10,000: those of the text after so many
// zeros, with as many behind as are missing.
func appendDigits(b []byte, zeros int, text []byte) []byte {
	n, filled := uint16(0), zeros
	for _, c := range text {
		n = 10*n + uint16(c-'0')
		if filled++; filled == 4 {
			b = binary.BigEndian.AppendUint16(b, n)
			n, filled = 0, 0
		}
	}
	if filled == 0 {
		return b
	}
	for ; filled < 4; filled++ {
		n *= 10
	}
	return binary.BigEndian.AppendUint16(b, n)
}
