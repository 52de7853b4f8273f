package benchingest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// queries are what dashboards of functions ask for.
var queries = []string{
	`sum by (tenant) (increase(function_requests_total[5m]))`,
	`histogram_quantile(0.95, sum by (le, service) (rate(function_request_duration_seconds_bucket[5m])))`,
	`sum by (tenant, service) (increase(function_requests_total[1h]))`,
}

// What a query is asked: a point a minute, so many times.
const (
	queryStep  = time.Minute
	queryTimes = 10
)

// timeQueries returns the CPU time that the server takes for each query over the
// whole load. Neighbours disturb it less than time by the clock, which on an idle
// machine is the same: a query runs on one processor.
func (s *server) timeQueries(ctx context.Context, set *requestSet) ([]time.Duration, error) {
	var times []time.Duration
	for _, expr := range queries {
		before, err := s.usage()
		if err != nil {
			return nil, err
		}
		for range queryTimes {
			answer, err := s.query(ctx, "/api/v1/query_range", url.Values{
				"query": {expr},
				"start": {unix(set.start())}, "end": {unix(set.made)},
				"step": {strconv.Itoa(int(queryStep.Seconds()))},
			})
			if err != nil {
				return nil, err
			}
			if len(answer) == 0 {
				return nil, fmt.Errorf("%s knows nothing of %s", s.name, expr)
			}
		}
		after, err := s.usage()
		if err != nil {
			return nil, err
		}
		times = append(times, (after.own-before.own)/queryTimes)
	}
	return times, nil
}

// countStored returns how many samples of the load the server has.
func (s *server) countStored(ctx context.Context, set *requestSet) (int, error) {
	if s.stored != "" {
		if _, _, err := s.do(ctx, http.MethodGet, s.stored, nil, nil); err != nil {
			return 0, err
		}
	}
	var parts []string
	for _, m := range podMetrics() {
		part := fmt.Sprintf("sum(count_over_time(%s[%s]))", m.name, set.load.length()+time.Minute)
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	answer, err := s.query(ctx, "/api/v1/query", url.Values{
		"query": {strings.Join(parts, "+")}, "time": {unix(set.made)},
	})
	if err != nil || len(answer) != 1 {
		return 0, err
	}
	n, err := strconv.ParseFloat(fmt.Sprint(answer[0].Value[1]), 64)
	if err != nil {
		return 0, fmt.Errorf("count stored samples: %w", err)
	}
	return int(n), nil
}

// series is a series of an answer: the value of an instant, or many.
type series struct {
	Value  [2]any   `json:"value"`
	Values [][2]any `json:"values"`
}

// query asks one question and returns the series of the answer.
func (s *server) query(ctx context.Context, path string, params url.Values) ([]series, error) {
	maps.Copy(params, s.queries)
	status, answer, err := s.do(ctx, http.MethodGet, path+"?"+params.Encode(), nil, nil)
	if err != nil {
		return nil, err
	}
	var out struct {
		Data struct {
			Result []series `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &out); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("%s answered a query with %d: %.500s", s.name, status, answer)
	}
	return out.Data.Result, nil
}

// unix writes a time as queries have it.
func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
