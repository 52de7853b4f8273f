package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"invoq/ingest/ingesttest"
)

// samplesPerRequest is what Prometheus puts into a request.
const samplesPerRequest = 2000

// Client talks to a server by its public API.
type Client struct {
	// URL is the server's address, Key an owner's API key.
	URL, Key string
	HTTP     *http.Client
}

// push sends series by remote write, in requests of the usual size, and returns
// how many samples were acknowledged.
func (c *Client) push(ctx context.Context, tenant string, series []ingesttest.Series) (int, error) {
	sent := 0
	for len(series) > 0 {
		n := min(len(series), samplesPerRequest)
		header := http.Header{
			"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"snappy"},
			"X-Prometheus-Remote-Write-Version": {"0.1.0"},
		}
		if tenant != "" {
			header.Set("X-Scope-OrgID", tenant)
		}
		body := ingesttest.EncodeSnappy(series[:n]...)
		if err := c.do(ctx, http.MethodPost, "/api/v1/write", header, body, nil); err != nil {
			return sent, err
		}
		sent += n
		series = series[n:]
	}
	return sent, nil
}

// post sends JSON and decodes the answer into out, unless it is nil.
func (c *Client) post(ctx context.Context, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("write request: %w", err)
		}
	}
	return c.do(ctx, http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, body, out)
}

// get decodes the answer into out.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, nil, out)
}

// do sends one request. Anything but success is an error that repeats what the
// server said.
func (c *Client) do(ctx context.Context, method, path string, header http.Header, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Authorization", "Bearer "+c.Key)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, b)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// increase returns what PromQL's increase() over consecutive five-minute
// windows makes of a tenant's invocations, as a bill built on it would.
func (c *Client) increase(ctx context.Context, tenant string, from, to time.Time) (float64, error) {
	const stretch = time.Hour // As much as one query may read.
	sum := 0.0
	for at := from; at.Before(to); at = at.Add(stretch) {
		end := at.Add(stretch)
		if end.After(to) {
			end = to
		}
		var answer struct {
			Data struct {
				Result []struct {
					Values [][2]any `json:"values"`
				} `json:"result"`
			} `json:"data"`
		}
		err := c.get(ctx, "/api/v1/query_range", url.Values{
			"query": {fmt.Sprintf(`sum(increase({__name__=~".+_requests_total",tenant=~%q}[5m]))`, tenant)},
			"start": {at.Add(5 * time.Minute).Format(time.RFC3339)}, "end": {end.Format(time.RFC3339)}, "step": {"5m"},
		}, &answer)
		if err != nil {
			return 0, err
		}
		for _, series := range answer.Data.Result {
			for _, v := range series.Values {
				var x float64
				if _, err := fmt.Sscan(fmt.Sprint(v[1]), &x); err != nil {
					return 0, fmt.Errorf("read value %v: %w", v[1], err)
				}
				sum += x
			}
		}
	}
	return sum, nil
}
