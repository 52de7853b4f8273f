package catalogue

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"invoq"
)

// columns are those of a CSV file, by the names in its first line; all but
// resource and cost may be left out.
var columns = []string{
	"tenant", "provider", "service", "resource", "cost", "per", "from", "model", "factor",
}

// ReadCSV reads items from CSV with a line of names first, those of Item in
// JSON, in any order. Errors are of KindUnprocessable and name the line.
func ReadCSV(r io.Reader) ([]Item, error) {
	rows := &rowLimit{from: r}
	in := csv.NewReader(rows)
	in.TrimLeadingSpace = true
	names, err := in.Read()
	if err != nil {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "the line of names cannot be read").WithCause(err)
	}
	for i, name := range names {
		names[i] = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(columns, names[i]) || slices.Contains(names[:i], names[i]) {
			return nil, invoq.Errorf(invoq.KindUnprocessable,
				"column %q is not one of %v, or is there twice", name, columns)
		}
	}
	var items []Item
	for {
		rows.read = 0
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "CSV cannot be read: %v", err)
		}
		line, _ := in.FieldPos(0) // There is none of a row that cannot be read.
		if len(items) >= MaxItems {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "more than %d items", MaxItems)
		}
		item, err := itemOf(names, row)
		if err != nil {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "line %d: %s", line, invoq.MessageOf(err))
		}
		items = append(items, item)
	}
}

// maxRowBytes bounds a row of CSV, which else takes many times its length before
// its columns are counted.
const maxRowBytes = 8 << 10

// errLongRow says that a row has no end in sight.
var errLongRow = fmt.Errorf("a row has more than %d bytes", maxRowBytes)

// rowLimit hands on what rows are read from, within maxRowBytes for each; what
// the CSV reader has read ahead counts for the next.
type rowLimit struct {
	from io.Reader
	read int // bytes since the row began
}

// Read implements io.Reader.
func (l *rowLimit) Read(p []byte) (int, error) {
	if l.read > maxRowBytes {
		return 0, errLongRow
	}
	n, err := l.from.Read(p)
	l.read += n
	return n, err
}

// itemOf reads a row of CSV.
func itemOf(names, row []string) (item Item, err error) {
	for i, name := range names {
		value := strings.TrimSpace(row[i])
		if !utf8.ValidString(value) {
			return item, invoq.Errorf(invoq.KindUnprocessable,
				"%s: %q is not UTF-8; save the file as UTF-8", name, value)
		}
		switch name {
		case "tenant":
			item.Tenant = invoq.TenantName(value)
		case "provider":
			item.Provider = value
		case "service":
			item.Service = value
		case "resource":
			item.Meter = invoq.Meter(value)
		case "model":
			item.Model = invoq.RateKind(strings.ToUpper(value))
		case "from":
			item.From, err = parseFrom(value)
		default:
			to := map[string]*invoq.Decimal{
				"cost": &item.Cost, "per": &item.Per, "factor": &item.Factor,
			}[name]
			if value != "" || name == "cost" {
				*to, err = invoq.ParseDecimal(value)
			}
		}
		if err != nil {
			return item, fmt.Errorf("%s: %w", name, err)
		}
	}
	if !slices.Contains(names, "cost") || !slices.Contains(names, "resource") {
		return item, invoq.Errorf(invoq.KindUnprocessable, "the columns resource and cost are required")
	}
	return item, nil
}

// parseFrom reads a day, which begins at midnight UTC, or a time.
func parseFrom(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, invoq.Errorf(invoq.KindUnprocessable,
		"%q is neither 2026-01-31 nor 2026-01-31T00:00:00Z", text)
}

// ReadJSON reads {"currency": …, "items": […]}, strictly. Errors are of
// KindUnprocessable.
func ReadJSON(r io.Reader) (currency invoq.Currency, items []Item, err error) {
	var file struct {
		Currency invoq.Currency `json:"currency"`
		Items    []struct {
			Item
			// A cost that is missing must not be taken for no cost.
			Cost *invoq.Decimal `json:"cost"`
		} `json:"items"`
	}
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	if err := in.Decode(&file); err != nil {
		return "", nil, invoq.Errorf(invoq.KindUnprocessable, "catalogue cannot be read: %v", err)
	}
	if len(file.Items) > MaxItems {
		return "", nil, invoq.Errorf(invoq.KindUnprocessable, "more than %d items", MaxItems)
	}
	for i, item := range file.Items {
		if item.Cost == nil {
			return "", nil, invoq.Errorf(invoq.KindUnprocessable, "item %d: cost is missing", i+1)
		}
		item.Item.Cost = *item.Cost
		items = append(items, item.Item)
	}
	return file.Currency, items, nil
}
