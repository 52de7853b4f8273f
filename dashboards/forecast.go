package dashboards

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"math"
)

// ForecastView is what the page of forecasts shows.
type ForecastView struct {
	Title  string
	Charts []ForecastChart
}

// ForecastChart is one series with its forecast. Values are in the unit of the
// series; NaN is a missing one.
type ForecastChart struct {
	Name, Model string
	Warnings    []string
	// First is the position of History[0] on the axis, in steps.
	First   int
	History []float64
	// One value for each step ahead; the bounds lie around the mean.
	Mean, Lo80, Hi80, Lo95, Hi95 []float64
}

// forecastPage is the template's data: what the view says, and the files that
// the page carries in itself.
type forecastPage struct {
	ForecastView
	Library, Script template.JS
	Style           template.CSS
	Data            []forecastData
}

// forecastData is a chart as the script reads it: null is a missing value.
type forecastData struct {
	First   int        `json:"first"`
	History []*float64 `json:"history"`
	Mean    []float64  `json:"mean"`
	Lo80    []float64  `json:"lo80"`
	Hi80    []float64  `json:"hi80"`
	Lo95    []float64  `json:"lo95"`
	Hi95    []float64  `json:"hi95"`
}

// WriteForecast writes a page that stands alone: style, script and the chart
// library are in it, so it can be mailed and opened without a server.
func WriteForecast(w io.Writer, view ForecastView) error {
	t, err := template.ParseFS(embedded, "pages/alone/forecast.html")
	if err != nil {
		return fmt.Errorf("parse the page of forecasts: %w", err)
	}
	assets, err := readAssets(embedded)
	if err != nil {
		return fmt.Errorf("read assets: %w", err)
	}
	page := forecastPage{ForecastView: view}
	for name, set := range map[string]func(string){
		"echarts.min.js": func(s string) { page.Library = template.JS(s) }, //nolint:gosec // our own file
		"forecast.js":    func(s string) { page.Script = template.JS(s) },  //nolint:gosec // our own file
		"forecast.css":   func(s string) { page.Style = template.CSS(s) },  //nolint:gosec // our own file
	} {
		asset := assets[name]
		if asset == nil {
			return fmt.Errorf("page of forecasts: no asset %q", name)
		}
		content, err := asset.Content()
		if err != nil {
			return fmt.Errorf("page of forecasts: %w", err)
		}
		// A script element ends at the first closing tag, even in a string.
		set(string(bytes.ReplaceAll(content, []byte("</script"), []byte(`<\/script`))))
	}
	for _, c := range view.Charts {
		page.Data = append(page.Data, c.data())
	}
	if err := t.Execute(w, page); err != nil {
		return fmt.Errorf("write the page of forecasts: %w", err)
	}
	return nil
}

func (c ForecastChart) data() forecastData {
	d := forecastData{
		First: c.First, History: make([]*float64, len(c.History)),
		Mean: c.Mean, Lo80: c.Lo80, Hi80: c.Hi80, Lo95: c.Lo95, Hi95: c.Hi95,
	}
	for i, v := range c.History {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			d.History[i] = &v
		}
	}
	return d
}
