package dashboards

import (
	"encoding/json"
	"strconv"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"invoq"
	"invoq/billing"
	"invoq/forecast"
)

// AheadDay is a day that is not over, and what will have been used in it.
type AheadDay struct {
	Day         invoq.Date
	Invocations forecast.Total
}

// AheadCost is what the month will have cost at its end, and what holds that with
// 80 % probability.
type AheadCost struct {
	Currency             invoq.Currency
	Expected, Lo80, Hi80 invoq.Decimal
}

// card shows the cost above the charts.
func (a AheadCost) card() Card {
	c := Card{Label: "Expected for the month", Figure: money(a.Expected, a.Currency)}
	lo, hi := money(a.Lo80, a.Currency).Text, money(a.Hi80, a.Currency).Text
	if lo == hi {
		c.Note = "a past without unrest has no bounds"
		return c
	}
	c.Note = "80 % sure: " + lo + " to " + hi
	return c
}

// noValue is how the chart library is told that there is none.
const noValue = "-"

// aheadChart draws the month's days that are over, and what is expected of the
// others between its bounds; nil where nothing is.
func aheadChart(m *billing.Month, ahead []AheadDay) *Chart {
	if len(ahead) == 0 {
		return nil
	}
	s := sketch{id: "ahead", label: "Invocations by day, and the rest of the month"}
	var used []opts.LineData
	for _, d := range m.Days {
		if invoq.Date(d.Day) < ahead[0].Day {
			s.categories = append(s.categories, shortDay(d.Day))
			used = append(used, opts.LineData{Value: json.Number(d.Invocations.String())})
		}
	}
	past := len(used)
	for _, d := range ahead {
		s.categories = append(s.categories, shortDay(string(d.Day)))
		used = append(used, opts.LineData{Value: noValue})
	}
	line := charts.NewLine()
	line.SetGlobalOptions(s.common(true)...)
	line.SetXAxis(s.categories).AddSeries("Used", used)
	for _, bound := range []struct {
		name string
		of   func(forecast.Total) float64
	}{
		{"Expected", func(t forecast.Total) float64 { return t.Mean }},
		{"80 % from", func(t forecast.Total) float64 { return t.Lo80 }},
		{"80 % to", func(t forecast.Total) float64 { return t.Hi80 }},
		{"95 % from", func(t forecast.Total) float64 { return t.Lo95 }},
		{"95 % to", func(t forecast.Total) float64 { return t.Hi95 }},
	} {
		data := make([]opts.LineData, past, past+len(ahead))
		for i := range data {
			data[i].Value = noValue
		}
		for _, d := range ahead {
			whole := strconv.FormatFloat(bound.of(d.Invocations), 'f', 0, 64)
			data = append(data, opts.LineData{Value: json.Number(whole)})
		}
		line.AddSeries(bound.name, data)
	}
	chart := s.chart(line)
	return &chart
}
