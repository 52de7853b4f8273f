package api

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/promql"

	"invoq"
)

// promErrorTypes are the names that the Prometheus API has for kinds of error.
var promErrorTypes = map[invoq.Kind]string{
	invoq.KindInvalid:       "bad_data",
	invoq.KindTooLarge:      "bad_data",
	invoq.KindUnprocessable: "execution",
	invoq.KindNotFound:      "not_found",
	invoq.KindUnavailable:   "unavailable",
	invoq.KindInternal:      "internal",
}

// promError answers with an error in the form of the Prometheus API.
func promError(c *fiber.Ctx, kind invoq.Kind, message string) error {
	name := promErrorTypes[kind]
	if name == "" {
		name = string(kind)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return writeJSON(c, map[string]string{"status": "error", "errorType": name, "error": message})
}

// maxNotes bounds the warnings, and the infos, of an answer.
const maxNotes = 10

// promData is an answer in the form of the Prometheus API.
type promData struct {
	Status   string   `json:"status"`
	Data     any      `json:"data"`
	Warnings []string `json:"warnings,omitempty"`
	Infos    []string `json:"infos,omitempty"`
}

// promAnswer answers with data in the form of the Prometheus API.
func promAnswer(c *fiber.Ctx, data any) error {
	return writeJSON(c, promData{Status: "success", Data: data})
}

// promResult answers with the result of a query, and what there is to say of it.
func promResult(c *fiber.Ctx, query string, res *promql.Result) error {
	warnings, infos := res.Warnings.AsStrings(query, maxNotes, maxNotes)
	return writeJSON(c, promData{
		Status: "success", Data: queryData{res}, Warnings: warnings, Infos: infos,
	})
}

// queryData writes a query's result: {"resultType": …, "result": …}. It writes
// number by number, since a matrix may hold millions.
type queryData struct{ res *promql.Result }

// MarshalJSON writes the result.
func (d queryData) MarshalJSON() ([]byte, error) {
	v := d.res.Value
	b := fmt.Appendf(nil, `{"resultType":%q,"result":`, v.Type())
	switch v := v.(type) {
	case promql.Vector:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendMetric(b, s.Metric.Map())
			if s.H != nil {
				b = append(b, `,"histogram":`...)
				b = appendHistogramPoint(b, s.T, s.H)
			} else {
				b = append(b, `,"value":`...)
				b = appendPoint(b, s.T, s.F)
			}
			b = append(b, '}')
		}
		b = append(b, ']')
	case promql.Matrix:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendSeries(b, s)
		}
		b = append(b, ']')
	case promql.Scalar:
		b = appendPoint(b, v.T, v.V)
	case promql.String:
		b = append(append(append(b, '['), seconds(v.T)...), ',')
		b = append(appendString(b, v.V), ']')
	default:
		return nil, fmt.Errorf("no form for a result of type %q", v.Type())
	}
	return append(b, '}'), nil
}

// appendSeries writes one series of a matrix: its floats, its histograms, or both
// where a series has changed from one to the other.
func appendSeries(b []byte, s promql.Series) []byte {
	b = appendMetric(b, s.Metric.Map())
	if len(s.Floats) > 0 || len(s.Histograms) == 0 {
		b = append(b, `,"values":[`...)
		for i, p := range s.Floats {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendPoint(b, p.T, p.F)
		}
		b = append(b, ']')
	}
	if len(s.Histograms) > 0 {
		b = append(b, `,"histograms":[`...)
		for i, p := range s.Histograms {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendHistogramPoint(b, p.T, p.H)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendMetric begins an object with the labels; the caller ends it.
func appendMetric(b []byte, ls map[string]string) []byte {
	text, err := json.Marshal(ls)
	if err != nil {
		panic("BUG: labels do not marshal: " + err.Error())
	}
	return append(append(b, `{"metric":`...), text...)
}

// appendPoint writes a time and a value; values are strings, since JSON has no
// infinity.
func appendPoint(b []byte, t int64, v float64) []byte {
	b = append(append(append(b, '['), seconds(t)...), ',', '"')
	return append(appendFloat(b, v), '"', ']')
}

// seconds writes milliseconds as seconds with as many decimals as needed.
func seconds(ms int64) string {
	return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64)
}

// appendFloat writes a number as Prometheus does.
func appendFloat(b []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, "+Inf"...)
	case math.IsInf(v, -1):
		return append(b, "-Inf"...)
	case math.IsNaN(v):
		return append(b, "NaN"...)
	}
	form := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(b, v, form, -1, 64)
}

// appendString writes a JSON string.
func appendString(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: string does not marshal: " + err.Error())
	}
	return append(b, text...)
}

// appendHistogramPoint writes a native histogram: its count, sum and buckets as
// [boundaries, lower, upper, count].
func appendHistogramPoint(b []byte, t int64, h *histogram.FloatHistogram) []byte {
	b = append(append(append(b, '['), seconds(t)...), `,{"count":"`...)
	b = append(appendFloat(b, h.Count), `","sum":"`...)
	b = append(appendFloat(b, h.Sum), '"')
	first := true
	for it := h.AllBucketIterator(); it.Next(); {
		bucket := it.At()
		if bucket.Count == 0 {
			continue
		}
		if first {
			b = append(b, `,"buckets":[`...)
		} else {
			b = append(b, ',')
		}
		first = false
		b = fmt.Appendf(b, `[%d,"`, boundaries(bucket.LowerInclusive, bucket.UpperInclusive))
		b = append(appendFloat(b, bucket.Lower), `","`...)
		b = append(appendFloat(b, bucket.Upper), `","`...)
		b = append(appendFloat(b, bucket.Count), `"]`...)
	}
	if !first {
		b = append(b, ']')
	}
	return append(b, '}', ']')
}

// boundaries says which ends of a bucket belong to it, as the Prometheus API
// numbers it: 0 the upper, 1 the lower, 2 neither, 3 both.
func boundaries(lower, upper bool) int {
	switch {
	case lower && upper:
		return 3
	case lower:
		return 1
	case upper:
		return 0
	}
	return 2
}
