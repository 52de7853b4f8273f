package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/url"
	"strconv"
	"strings"
	"time"

	"invoq"
	"invoq/postgres"
)

// defaultSpan is how far back usage is listed unless asked otherwise.
const defaultSpan = 24 * time.Hour

// ListUsage answers with a page of windows, as JSON or CSV.
func (s *Server) ListUsage(ctx context.Context, r ListUsageRequestObject) (ListUsageResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	filter, err := s.usageFilter(ctx, r.Params)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.ListUsage(ctx, scope(ctx), filter, page)
	if err != nil {
		return nil, err
	}
	after := next(all, page, postgres.UsageKey)
	if accepts(ctx, "text/csv") {
		body, err := usageCSV(all)
		if err != nil {
			return nil, err
		}
		return ListUsage200TextCsvResponse{
			Body: bytes.NewReader(body), ContentLength: int64(len(body)),
			Headers: ListUsage200ResponseHeaders{Link: nextLink(ctx, after)},
		}, nil
	}
	return ListUsage200JSONResponse{Body: UsagePage{Items: convert(all, usageJSON), Next: after}}, nil
}

// usageFilter reads which windows are asked for. Without a start it is the last
// day, without an end it is now.
func (s *Server) usageFilter(ctx context.Context, p ListUsageParams) (postgres.UsageFilter, error) {
	f := postgres.UsageFilter{Service: deref(p.Service), Revision: deref(p.Revision)}
	var err error
	if f.Tenant, err = s.tenantFilter(ctx, p.TenantFilter); err != nil {
		return f, err
	}
	if f.Window, err = invoq.ParseWindowSize(string(derefOr(p.Window, "1h"))); err != nil {
		return f, err
	}
	f.Interval.End = derefOr(p.End, s.Now())
	f.Interval.Start = derefOr(p.Start, f.Interval.End.Add(-defaultSpan))
	return f, f.Interval.Validate()
}

// usageJSON gives a window the form of the contract.
func usageJSON(u invoq.Usage) Usage {
	return Usage{
		WindowStart:  u.Start,
		WindowEnd:    u.End,
		TenantID:     string(u.TenantID),
		Tenant:       string(u.Tenant),
		Namespace:    u.Namespace,
		Service:      u.Service,
		Revision:     u.Revision,
		Invocations:  u.Invocations,
		DurationMs:   u.DurationMs,
		P50Ms:        quantile(u, 0.5),
		P95Ms:        quantile(u, 0.95),
		MbMs:         u.MBMs,
		CPUMs:        u.CPUMs,
		ColdStarts:   u.ColdStarts,
		Errors:       u.Errors,
		MaxMemoryMb:  u.MaxMemoryMB,
		GapSeconds:   u.GapSeconds,
		Assumed:      u.Assumed,
		UnmeasuredMs: u.UnmeasuredMs,
	}
}

// quantile estimates a percentile for display; nil when nothing was timed.
func quantile(u invoq.Usage, q float64) *float32 {
	ms, ok := u.Latency.Quantile(q)
	if !ok {
		return nil
	}
	f := float32(ms)
	return &f
}

// usageColumns are the columns of the CSV form, in order.
var usageColumns = []string{
	"window_start",
	"window_end",
	"tenant_id",
	"tenant",
	"namespace",
	"service",
	"revision",
	"invocations",
	"duration_ms",
	"p50_ms",
	"p95_ms",
	"mb_ms",
	"cpu_ms",
	"cold_starts",
	"errors",
	"max_memory_mb",
	"gap_seconds",
	"assumed",
	"unmeasured_ms",
}

// usageCSV writes windows as CSV, with the columns of the JSON form.
func usageCSV(all []invoq.Usage) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	records := [][]string{usageColumns}
	for _, u := range all {
		records = append(records, []string{
			u.Start.Format(
				time.RFC3339,
			),
			u.End.Format(time.RFC3339),
			string(u.TenantID),
			cell(string(u.Tenant)),
			cell(
				u.Namespace,
			),
			cell(u.Service),
			cell(u.Revision),
			u.Invocations.String(),
			u.DurationMs.String(),
			number(quantile(u, 0.5)),
			number(quantile(u, 0.95)),
			u.MBMs.String(),
			u.CPUMs.String(),
			u.ColdStarts.String(),
			u.Errors.String(),
			u.MaxMemoryMB.String(),
			u.GapSeconds.String(),
			u.Assumed.String(),
			u.UnmeasuredMs.String(),
		})
	}
	if err := w.WriteAll(records); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// cell keeps a spreadsheet from taking text for a formula (OWASP, CSV
// injection).
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// number writes an estimate; nothing where there is none.
func number(f *float32) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(float64(*f), 'f', -1, 32)
}

// nextLink returns the address of the next page in the form of a Link header
// (RFC 8288), or nil for the last page.
func nextLink(ctx context.Context, after string) *string {
	if after == "" {
		return nil
	}
	u := requestURL(ctx)
	q := u.Query()
	q.Set("after", after)
	link := "<" + (&url.URL{Path: u.Path, RawQuery: q.Encode()}).String() + `>; rel="next"`
	return &link
}
