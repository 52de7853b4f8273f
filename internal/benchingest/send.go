package benchingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// contentTypes are those of the protocols.
var contentTypes = map[protocol]string{
	rw1: "application/x-protobuf",
	rw2: "application/x-protobuf;proto=io.prometheus.write.v2.Request",
}

// versions are what each protocol calls itself in a header.
var versions = map[protocol]string{rw1: "0.1.0", rw2: "2.0.0"}

// do sends one request and reads the answer.
func (s *server) do(
	ctx context.Context, method, path string, body []byte, header http.Header,
) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	maps.Copy(req.Header, s.header)
	maps.Copy(req.Header, header)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("send request: %w", err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// push sends the streams, each over a connection of its own, and returns how
// long each request took. Done is told of every request that was taken.
func (s *server) push(
	ctx context.Context, p protocol, streams [][][]byte, done func(),
) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]time.Duration, len(streams))
	together := newPace(len(streams))
	var senders sync.WaitGroup
	for i, stream := range streams {
		senders.Go(func() {
			defer together.end(i)
			for _, body := range stream {
				together.step(i)
				began := time.Now()
				if err := s.pushOne(ctx, p, body); err != nil {
					cancel(err)
					return
				}
				times[i] = append(times[i], time.Since(began))
				done()
			}
		})
	}
	senders.Wait()
	return slices.Concat(times...), context.Cause(ctx)
}

// pushOne sends one request. Everything has to be taken.
func (s *server) pushOne(ctx context.Context, p protocol, body []byte) error {
	status, answer, err := s.do(ctx, http.MethodPost, s.write, body, http.Header{
		"Content-Type":                      {contentTypes[p]},
		"Content-Encoding":                  {"snappy"},
		"X-Prometheus-Remote-Write-Version": {versions[p]},
	})
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("%s answered %d: %s", s.name, status, answer)
	}
	return err
}

// lead is by how many requests a connection may be ahead of another. All of a
// fleet is scraped at the same time, and a stock Prometheus refuses what is an
// hour older than the newest.
const lead = 4

// pace keeps connections together.
type pace struct {
	mu    sync.Mutex
	moved *sync.Cond
	steps []int
}

// newPace returns the pace of connections that have sent nothing yet.
func newPace(connections int) *pace {
	p := &pace{steps: make([]int, connections)}
	p.moved = sync.NewCond(&p.mu)
	return p
}

// step notes that the connection sends its next request, once it may.
func (p *pace) step(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.steps[i] >= slices.Min(p.steps)+lead {
		p.moved.Wait()
	}
	p.steps[i]++
	p.moved.Broadcast()
}

// end notes that the connection sends no more.
func (p *pace) end(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps[i] = math.MaxInt / 2
	p.moved.Broadcast()
}
