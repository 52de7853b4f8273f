package backfill

import (
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"invoq"
)

// The columns of CSV that are no labels.
const (
	timeColumn  = "timestamp"
	valueColumn = "value"
)

// maxColumns bounds the columns of CSV: the labels of a series and the other
// two.
const maxColumns = 66

// maxRowBytes bounds a row of CSV: a quote that is never closed would otherwise
// have the rest of the input be one cell.
const maxRowBytes = 1 << 20

// CSV reads samples as rows under a line of names: timestamp, value, __name__
// and labels, in any order. A timestamp is in RFC 3339, or in seconds since 1970
// with or without decimals; an empty label is none.
func CSV(r io.Reader) Samples {
	return func(yield func(Sample, error) bool) {
		in := &rowReader{from: r}
		rows := csv.NewReader(in)
		rows.ReuseRecord = true
		names, err := in.row(rows)
		if err != nil {
			yield(Sample{}, csvError(err, "the table has no line of names"))
			return
		}
		t, err := newTable(names)
		if err != nil {
			yield(Sample{}, err)
			return
		}
		for {
			row, err := in.row(rows)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Sample{}, csvError(err, ""))
				return
			}
			line, _ := rows.FieldPos(0)
			s, err := t.sample(line, row)
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// rowReader hands on what rows are read from, within maxRowBytes for each; what
// the CSV reader has read ahead counts for the next.
type rowReader struct {
	from io.Reader
	read int // bytes since the row began
	line int // in which the last row began
}

// errLongRow says that a row has no end in sight.
var errLongRow = errors.New("the row is too long")

// Read implements io.Reader.
func (r *rowReader) Read(p []byte) (int, error) {
	if r.read > maxRowBytes {
		return 0, errLongRow
	}
	n, err := r.from.Read(p)
	r.read += n
	return n, err
}

// row reads the next row.
func (r *rowReader) row(rows *csv.Reader) ([]string, error) {
	r.read = 0
	row, err := rows.Read()
	if errors.Is(err, errLongRow) {
		return nil, lineError(r.line+1, "a row from here on has more than %d bytes", maxRowBytes)
	}
	if err == nil {
		r.line, _ = rows.FieldPos(len(row) - 1)
	}
	return row, err
}

// csvError says in which line the table cannot be read; empty is what to say
// where there is no line at all.
func csvError(err error, empty string) error {
	var p *csv.ParseError
	var own *invoq.Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.As(err, &p):
		return lineError(p.Line, "%v", p.Err)
	case errors.Is(err, io.EOF):
		return lineError(1, "%s", empty)
	}
	return invoq.Errorf(invoq.KindInvalid, "read the table: %v", err)
}

// table is where the columns of CSV are.
type table struct {
	names       []string
	time, value int
}

// newTable reads the line of names.
func newTable(names []string) (*table, error) {
	if len(names) > maxColumns {
		return nil, lineError(1, "%d columns, at most %d are read", len(names), maxColumns)
	}
	at := map[string]int{}
	for i, name := range names {
		if _, twice := at[name]; twice || name == "" {
			return nil, lineError(1, "column %d is called %q, as no label or another column is", i+1, name)
		}
		at[name] = i
	}
	for _, needed := range []string{timeColumn, valueColumn, model.MetricNameLabel} {
		if _, ok := at[needed]; !ok {
			return nil, lineError(1, "no column is called %q: name timestamp, value, __name__ and the labels",
				needed)
		}
	}
	// The reader uses its memory for the next row.
	return &table{append([]string(nil), names...), at[timeColumn], at[valueColumn]}, nil
}

// sample reads a row.
func (t *table) sample(line int, row []string) (Sample, error) {
	s := Sample{Line: line}
	var err error
	if s.T, err = readTime(row[t.time]); err != nil {
		return s, lineError(line, "%v", err)
	}
	if s.V, err = strconv.ParseFloat(row[t.value], 64); err != nil {
		return s, lineError(line, "value %q is not a number", row[t.value])
	}
	b := labels.NewScratchBuilder(len(row))
	for i, v := range row {
		if i != t.time && i != t.value && v != "" {
			b.Add(t.names[i], v)
		}
	}
	b.Sort()
	s.Labels = b.Labels()
	return s, nil
}

// readTime reads a time as milliseconds.
func readTime(text string) (int64, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		ms := math.Round(seconds * 1000)
		if math.IsNaN(ms) || math.Abs(ms) >= 1<<53 {
			return 0, errors.New("timestamp " + strconv.Quote(text) + " is out of range")
		}
		return int64(ms), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, errors.New("timestamp " + strconv.Quote(text) +
			" is neither RFC 3339 nor seconds since 1970")
	}
	return at.UnixMilli(), nil
}
