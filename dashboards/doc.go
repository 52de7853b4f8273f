// Package dashboards renders the pages that people read: HTML templates, style
// sheets, scripts and chart data, all embedded, so that no page loads anything
// from another host.
//
// A page is a view, a plain struct made from domain values by a pure function,
// and a template. Charts are built with go-echarts and handed to the page as
// JSON in a script element that no browser runs; our own static script draws
// them. The library's own page template is never used: it lets series names
// and functions in them through as script.
package dashboards
