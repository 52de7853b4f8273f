package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"

	"invoq"
)

// request is one line of input: a series and how far to look ahead.
type request struct {
	ID      json.RawMessage `json:"id"`
	Period  int             `json:"period"`
	Periods []int           `json:"periods"`
	Horizon int             `json:"horizon"`
	History []*float64      `json:"history"` // nil is a missing value

	values []float64 // History with NaN for what is missing
}

// requests are read one by one; an error ends them.
type requests iter.Seq2[*request, error]

// openInput opens a file, or the standard input for "-", and tells its size in
// bytes, -1 where nobody knows.
func openInput(name string, stdin io.Reader) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(stdin), -1, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("read series: %w", err)
	}
	size := int64(-1)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	return f, size, nil
}

// progressReader moves a bar, if there is one, by what is read.
type progressReader struct {
	io.Reader
	bar *progressbar.ProgressBar
}

func (p progressReader) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if p.bar != nil {
		_ = p.bar.Add(n) // A bar that cannot be drawn is no reason to stop.
	}
	return n, err
}

// gunzip looks at the first bytes and unpacks what gzip packed.
func gunzip(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic, err := b.Peek(2)
	if err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil // too short for gzip, or plain
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "input is not gzip after all: %v", err)
	}
	return bufio.NewReaderSize(z, 1<<16), nil
}

// jsonRequests reads JSON lines; empty lines are skipped.
func (c *forecastCmd) jsonRequests(r io.Reader) requests {
	return func(yield func(*request, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 1<<16), maxForecastLine)
		n := 0
		for lines.Scan() {
			n++
			line := bytes.TrimSpace(lines.Bytes())
			if len(line) == 0 {
				continue
			}
			q, err := c.parseLine(line)
			if err != nil {
				yield(nil, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(q, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, invoq.Errorf(invoq.KindInvalid, "read line %d: %v", n+1, err))
		}
	}
}

func (c *forecastCmd) parseLine(line []byte) (*request, error) {
	q := new(request)
	if err := json.Unmarshal(line, q); err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "not a series: %v", err)
	}
	if len(q.ID) == 0 {
		return nil, invoq.Errorf(invoq.KindInvalid, "the series has no id")
	}
	q.values = make([]float64, len(q.History))
	for i, v := range q.History {
		q.values[i] = math.NaN()
		if v != nil {
			q.values[i] = *v
		}
	}
	return q, c.complete(q)
}

// csvRequests reads CSV with a header. With the columns id and value each row
// is one value of one series, oldest first; otherwise each column is a series,
// but for those called time, date or timestamp.
func (c *forecastCmd) csvRequests(r io.Reader) (requests, error) {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "read the header of the CSV: %v", err)
	}
	header = slices.Clone(header)
	t := newCSVTable(header)
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, invoq.Errorf(invoq.KindInvalid, "read the CSV: %v", err)
		}
		if err := t.add(row); err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return func(yield func(*request, error) bool) {
		for _, q := range t.order {
			if err := c.complete(q); err != nil {
				yield(nil, err)
				return
			}
			if !yield(q, nil) {
				return
			}
		}
	}, nil
}

// csvTable gathers series from rows.
type csvTable struct {
	id, value int // columns of the long form, -1 in the wide one
	columns   []*request
	byID      map[string]*request
	order     []*request
}

func newCSVTable(header []string) *csvTable {
	t := &csvTable{byID: make(map[string]*request), id: -1, value: -1}
	for i, name := range header {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "id":
			t.id = i
		case "value":
			t.value = i
		}
	}
	if t.id >= 0 && t.value >= 0 {
		return t
	}
	t.id, t.value = -1, -1
	for _, name := range header {
		var q *request // none for times
		name = strings.TrimSpace(name)
		if !slices.Contains([]string{"time", "date", "timestamp"}, strings.ToLower(name)) {
			q = t.series(name)
		}
		t.columns = append(t.columns, q)
	}
	return t
}

// series returns the series of that name, a new one where there is none.
func (t *csvTable) series(name string) *request {
	q, ok := t.byID[name]
	if !ok {
		q = &request{}
		q.ID, _ = json.Marshal(name) // A string always has a JSON form.
		t.byID[name] = q
		t.order = append(t.order, q)
	}
	return q
}

func (t *csvTable) add(row []string) error {
	if t.id >= 0 {
		return t.series(row[t.id]).append(row[t.value])
	}
	for i, text := range row {
		if q := t.columns[i]; q != nil {
			if err := q.append(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// append adds one value; an empty one is missing.
func (q *request) append(text string) error {
	text = strings.TrimSpace(text)
	v := math.NaN()
	if text != "" {
		var err error
		if v, err = strconv.ParseFloat(text, 64); err != nil {
			return invoq.Errorf(invoq.KindInvalid, "%q is not a number", text)
		}
	}
	q.values = append(q.values, v)
	return nil
}
