package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"invoq/dashboards"
)

// chartedHistory is how many horizons of history a chart shows, and at least how
// many steps.
const (
	chartedHorizons = 6
	chartedSteps    = 100
)

// writeChart writes a page with a chart of each forecast: one file that loads
// nothing.
func writeChart(name string, all []looked) error {
	view := dashboards.ForecastView{Title: "Forecast"}
	for _, l := range all {
		view.Charts = append(view.Charts, chartOf(l))
	}
	var page bytes.Buffer
	if err := dashboards.WriteForecast(&page, view); err != nil {
		return err
	}
	if err := os.WriteFile(name, page.Bytes(), 0o644); err != nil { //nolint:gosec // a page to be shown
		return fmt.Errorf("write the chart: %w", err)
	}
	return nil
}

func chartOf(l looked) dashboards.ForecastChart {
	history := l.request.values
	keep := min(len(history), max(chartedSteps, chartedHorizons*len(l.prediction.Mean)))
	return dashboards.ForecastChart{
		Name: plainID(l.prediction.ID), Model: l.prediction.Model, Warnings: l.prediction.Warnings,
		First: len(history) - keep, History: history[len(history)-keep:],
		Mean: l.prediction.Mean, Lo80: l.prediction.Lo80, Hi80: l.prediction.Hi80,
		Lo95: l.prediction.Lo95, Hi95: l.prediction.Hi95,
	}
}

// plainID is an id as people read it: a string without its quotes.
func plainID(id json.RawMessage) string {
	var text string
	if json.Unmarshal(id, &text) == nil {
		return text
	}
	return strings.TrimSpace(string(id))
}
