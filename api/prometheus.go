package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"

	"invoq"
	"invoq/tsdb"
)

// maxSeriesListed bounds what series, labels and label values list.
const maxSeriesListed = 50_000

// promQuery evaluates an expression at one time.
func (s *Server) promQuery(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	at, err := promTime(f, "time", s.Now())
	if err != nil {
		return err
	}
	ctx, cancel, err := promTimeout(c.UserContext(), f)
	if err != nil {
		return err
	}
	defer cancel()
	tenant, err := s.readScope(ctx, c)
	if err != nil {
		return err
	}
	return s.Queries.Instant(ctx, tenant, f.Get("query"), at, func(res *promql.Result) error {
		return promResult(c, f.Get("query"), res)
	})
}

// promQueryRange evaluates an expression at every step of a range.
func (s *Server) promQueryRange(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	var r tsdb.Range
	if r.Start, err = promTime(f, "start", time.Time{}); err != nil {
		return err
	}
	if r.End, err = promTime(f, "end", time.Time{}); err != nil {
		return err
	}
	if r.Step, err = promDuration(f, "step"); err != nil {
		return err
	}
	ctx, cancel, err := promTimeout(c.UserContext(), f)
	if err != nil {
		return err
	}
	defer cancel()
	tenant, err := s.readScope(ctx, c)
	if err != nil {
		return err
	}
	return s.Queries.Range(ctx, tenant, f.Get("query"), r, func(res *promql.Result) error {
		return promResult(c, f.Get("query"), res)
	})
}

// promSeries lists the label sets of series that match.
func (s *Server) promSeries(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	if len(f["match[]"]) == 0 {
		return invoq.Errorf(invoq.KindInvalid, "no match[] is given")
	}
	found := []map[string]string{}
	err = s.promSelect(
		c,
		f,
		func(ctx context.Context, q storage.Querier, in tsdb.TimeRange, matchers [][]*labels.Matcher, limit int) error {
			hints := &storage.SelectHints{Start: in.Min, End: in.Max, Func: tsdb.SeriesOnly}
			var sets []storage.SeriesSet
			for _, ms := range matchers {
				sets = append(sets, q.Select(ctx, true, hints, ms...))
			}
			set := storage.NewMergeSeriesSet(sets, limit, storage.ChainedSeriesMerge)
			for set.Next() && len(found) < limit {
				found = append(found, set.At().Labels().Map())
			}
			return set.Err()
		},
	)
	if err != nil {
		return err
	}
	return promAnswer(c, found)
}

// promLabels lists the names of labels.
func (s *Server) promLabels(c *fiber.Ctx) error {
	return s.promList(
		c,
		func(ctx context.Context, q storage.Querier, ms []*labels.Matcher) ([]string, error) {
			names, _, err := q.LabelNames(ctx, &storage.LabelHints{Limit: maxSeriesListed}, ms...)
			return names, err
		},
	)
}

// promLabelValues lists the values of one label.
func (s *Server) promLabelValues(c *fiber.Ctx) error {
	name, err := url.PathUnescape(c.Params("name"))
	if err != nil || name == "" {
		return invoq.Errorf(invoq.KindInvalid, "label name cannot be read")
	}
	// UTF-8 names are escaped as U__… in paths.
	name = model.UnescapeName(name, model.ValueEncodingEscaping)
	return s.promList(
		c,
		func(ctx context.Context, q storage.Querier, ms []*labels.Matcher) ([]string, error) {
			values, _, err := q.LabelValues(ctx, name, &storage.LabelHints{Limit: maxSeriesListed}, ms...)
			return values, err
		},
	)
}

// promList lists strings over every match[], or over everything without one.
func (s *Server) promList(
	c *fiber.Ctx, list func(context.Context, storage.Querier, []*labels.Matcher) ([]string, error),
) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	all := []string{}
	err = s.promSelect(
		c,
		f,
		func(ctx context.Context, q storage.Querier, _ tsdb.TimeRange, matchers [][]*labels.Matcher, limit int) error {
			if len(matchers) == 0 {
				matchers = [][]*labels.Matcher{nil}
			}
			for _, ms := range matchers {
				some, err := list(ctx, q, ms)
				if err != nil {
					return err
				}
				for _, v := range some {
					// They may point into a file that is unmapped with the querier.
					all = append(all, strings.Clone(v))
				}
			}
			slices.Sort(all)
			all = slices.Compact(all)
			all = all[:min(len(all), limit)]
			return nil
		},
	)
	if err != nil {
		return err
	}
	return promAnswer(c, all)
}

// promSelect opens the caller's view of the time range, in its turn, and hands it
// over.
func (s *Server) promSelect(
	c *fiber.Ctx, f url.Values,
	use func(context.Context, storage.Querier, tsdb.TimeRange, [][]*labels.Matcher, int) error,
) error {
	start, err := promTime(f, "start", time.UnixMilli(math.MinInt64/2))
	if err != nil {
		return err
	}
	end, err := promTime(f, "end", time.UnixMilli(math.MaxInt64/2))
	if err != nil {
		return err
	}
	limit := maxSeriesListed
	if v := f.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return invoq.Errorf(invoq.KindInvalid, "limit %q is not a number of 0 or more", v)
		}
		if n > 0 { // 0 asks for all.
			limit = min(n, limit)
		}
	}
	matchers, err := s.Queries.Selectors(f["match[]"])
	if err != nil {
		return err
	}
	tenant, err := s.readScope(c.UserContext(), c)
	if err != nil {
		return err
	}
	return s.Queries.Read(c.UserContext(), tenant, func(ctx context.Context) error {
		in := tsdb.TimeRange{Min: start.UnixMilli(), Max: end.UnixMilli()}
		q, err := s.Queries.View(tenant).Querier(in.Min, in.Max)
		if err != nil {
			return fmt.Errorf("open querier: %w", err)
		}
		return errors.Join(use(ctx, q, in, matchers, limit), q.Close())
	})
}

// promMetadata tells the types and help texts of metric families.
func (s *Server) promMetadata(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	tenant, err := s.readScope(c.UserContext(), c)
	if err != nil {
		return err
	}
	limit := math.MaxInt
	if v := f.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil {
			return invoq.Errorf(invoq.KindInvalid, "limit %q is not a number", v)
		}
	}
	only := f.Get("metric")
	data := map[string][]promMeta{}
	for family, m := range s.Queries.Families(tenant) {
		if only != "" && family != only || limit > 0 && len(data) >= limit {
			continue
		}
		data[family] = []promMeta{{Type: m.Type, Help: m.Help, Unit: m.Unit}}
	}
	return promAnswer(c, data)
}

type promMeta struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// promVersion is the Prometheus release whose library answers queries. Grafana
// chooses its features by it.
const promVersion = "3.15.0"

// promBuildInfo says what answers. It names no features, since Grafana takes a
// server that does for another product.
func (s *Server) promBuildInfo(c *fiber.Ctx) error {
	return promAnswer(c, map[string]string{
		"version":   promVersion,
		"revision":  s.Version,
		"branch":    "",
		"buildUser": "",
		"buildDate": "",
		"goVersion": "",
	})
}

// promFormBytes bounds a form: an expression, or some selectors, and what goes
// with them. Forms are read before their turn comes, so that many wait in memory.
const promFormBytes = 64 << 10

// promForm returns the parameters of a GET, or of a POST with a form.
func promForm(c *fiber.Ctx) (url.Values, error) { return formOf(c, promFormBytes) }

// formOf returns the parameters of a query string, and of a form of as many
// bytes where one is posted.
func formOf(c *fiber.Ctx, limit int) (url.Values, error) {
	f, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "query string cannot be read: %v", err)
	}
	if c.Method() != fiber.MethodPost {
		return f, nil
	}
	body, err := readBody(c, limit)
	if err != nil {
		return nil, err
	}
	posted, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "form cannot be read: %v", err)
	}
	for k, v := range posted {
		f[k] = append(v, f[k]...)
	}
	return f, nil
}

// promTime reads a time as seconds since 1970 or RFC 3339. A zero default means
// that the parameter is needed.
func promTime(f url.Values, name string, otherwise time.Time) (time.Time, error) {
	v := f.Get(name)
	if v == "" && !otherwise.IsZero() {
		return otherwise, nil
	}
	if seconds, err := strconv.ParseFloat(v, 64); err == nil && math.Abs(seconds) < math.MaxInt64/1e6 {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
		return t, nil
	}
	return time.Time{}, invoq.Errorf(invoq.KindInvalid, "parameter %q: cannot read %q as a time", name, v)
}

// promDuration reads a duration as seconds or in PromQL's form.
func promDuration(f url.Values, name string) (time.Duration, error) {
	v := f.Get(name)
	if seconds, err := strconv.ParseFloat(v, 64); err == nil && math.Abs(seconds) < math.MaxInt64/1e9 {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(v)
	if err != nil {
		return 0, invoq.Errorf(invoq.KindInvalid, "parameter %q: cannot read %q as a duration", name, v)
	}
	return time.Duration(d), nil
}

// promTimeout shortens the context as the caller asks.
func promTimeout(ctx context.Context, f url.Values) (context.Context, context.CancelFunc, error) {
	if f.Get("timeout") == "" {
		return ctx, func() {}, nil
	}
	d, err := promDuration(f, "timeout")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	return ctx, cancel, nil
}
