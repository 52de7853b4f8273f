package dashboards

import (
	"bytes"
	"encoding/json"
	"html/template"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"invoq"
	"invoq/pricing"
)

// Chart is a picture that the page's own script draws from its options. They
// are data: what colours and figures look like is in charts.js.
type Chart struct {
	ID string
	// Label says what the chart shows, for those who cannot see it.
	Label string
	// Currency is what its values are in; empty where they are plain numbers.
	Currency string
	// Digits is how many decimal places a value has.
	Digits int32
	// Rows is how many bars lie one above the other; 0 where they stand.
	Rows int
	// Rest is set when the last series is everything that has none of its own.
	Rest bool
	// Signed is set when the series are profit and loss, in this order.
	Signed bool
	// Options are JSON without a character that could end a script element.
	Options template.JS
}

// series are the values of one name, one a category.
type series struct {
	name   string
	values []invoq.Decimal
}

// sketch is what a chart is made from.
type sketch struct {
	id, label  string
	currency   invoq.Currency // empty: plain numbers
	categories []string
	series     []series
}

// columns draws the categories side by side, the series on top of each other.
func columns(s sketch) Chart {
	bar := s.bar()
	bar.SetXAxis(s.categories)
	return s.chart(bar)
}

// rows draws the categories one below the other.
func rows(s sketch) Chart {
	bar := s.bar()
	bar.SetXAxis(chartNames(s.categories)).XYReversal()
	bar.SetGlobalOptions(
		charts.WithXAxisOpts(opts.XAxis{Type: "value"}),
		charts.WithYAxisOpts(opts.YAxis{Type: "category", Inverse: opts.Bool(true)}),
	)
	c := s.chart(bar)
	c.Rows = len(s.categories)
	return c
}

// bar returns the data of a bar chart; colours and fonts are the page's.
func (s sketch) bar() *charts.Bar {
	bar := charts.NewBar()
	bar.SetGlobalOptions(s.common(len(s.series) > 1)...)
	var names []string
	for _, one := range s.series {
		names = append(names, one.name)
	}
	for i, name := range chartNames(names) {
		data := make([]opts.BarData, len(s.series[i].values))
		for j, v := range s.series[i].values {
			data[j].Value = json.Number(v.String())
		}
		bar.AddSeries(name, data, charts.WithBarChartOpts(opts.BarChart{Stack: "all"}))
	}
	return bar
}

// common are the options that all charts have.
func (s sketch) common(legend bool) []charts.GlobalOpts {
	return []charts.GlobalOpts{
		// A fixed name: the default is random, and pages would never be equal.
		charts.WithInitializationOpts(opts.Initialization{ChartID: s.id}),
		charts.WithTooltipOpts(opts.Tooltip{
			Show: opts.Bool(true), Trigger: "axis", AxisPointer: &opts.AxisPointer{Type: "shadow"},
		}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(legend), Type: "scroll"}),
	}
}

// drawing is a chart of the library.
type drawing interface {
	Validate()
	JSON() map[string]any
}

// chart takes the options out of the library. Its own page and its own script
// are not used: they write names into script as they are.
func (s sketch) chart(d drawing) Chart {
	d.Validate()
	b, err := json.Marshal(d.JSON())
	if err != nil {
		panic("BUG: options of chart " + s.id + " are not JSON: " + err.Error())
	}
	c := Chart{ID: s.id, Label: s.label, Currency: string(s.currency), Options: template.JS(tame(b))}
	if digits, err := pricing.Digits(s.currency); err == nil {
		c.Digits = digits
	}
	return c
}

// tame takes from a chart's options what would not be data: tooltips that are
// made of HTML, the library's own colours, and marks of functions.
func tame(b []byte) []byte {
	options := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // A float would not be the number that was given.
	if err := d.Decode(&options); err != nil {
		panic("BUG: options of a chart do not read back: " + err.Error())
	}
	delete(options, "color")
	delete(options, "title")
	delete(options, "toolbox")
	if tooltip, ok := options["tooltip"].(map[string]any); ok {
		tooltip["renderMode"] = "richText"
		tooltip["confine"] = true
	}
	b, err := json.Marshal(withoutFunctions(options))
	if err != nil {
		panic("BUG: options of a chart are not JSON: " + err.Error())
	}
	return b
}

// withoutFunctions strips the marks of functions from every text.
func withoutFunctions(v any) any {
	switch v := v.(type) {
	case string:
		return unmarked(v)
	case []any:
		for i := range v {
			v[i] = withoutFunctions(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = withoutFunctions(v[k])
		}
	}
	return v
}
