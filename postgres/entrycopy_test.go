package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"

	"invoq"
)

// TestAppendNumeric reads numbers back by pgx.
func TestAppendNumeric(t *testing.T) {
	types := pgtype.NewMap()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,29})(\.[0-9]{1,29})?`).Draw(t, "text")
		d := invoq.MustDecimal(text)
		b := appendNumeric(nil, &d)
		var n pgtype.Numeric
		if err := types.Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, b, &n); err != nil {
			t.Fatal(err)
		}
		v, err := n.Value()
		if err != nil {
			t.Fatal(err)
		}
		if got := invoq.MustDecimal(v.(string)); !got.Equal(d) {
			t.Fatalf("%s was written as %s", d, got)
		}
		if places := int32(b[6])<<8 | int32(b[7]); places != d.Places() {
			t.Fatalf("%s was written with %d places", d, places)
		}
	})
}
