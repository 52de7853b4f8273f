package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"invoq/ingest"
	"invoq/ingest/ingesttest"
)

// lane is a host with a connection of its own that sends a sample of each of its
// series at a time, and the same again until it is taken. It is no http.Client:
// that takes as much of the machine as the server needs to refuse a request.
type lane struct {
	s      *server
	series []ingesttest.Series
	at     int64 // milliseconds
	body   []byte
	conn   net.Conn
	in     *bufio.Reader
}

// newLane returns the host of that number.
func newLane(s *server, number int) *lane {
	l := &lane{s: s, at: time.Now().Add(-90 * time.Minute).UnixMilli()}
	for pod := range laneSeries {
		l.series = append(l.series, ingesttest.Series{Labels: []string{
			"__name__", "load_requests_total", "host", fmt.Sprint(number), "pod", fmt.Sprint(pod),
		}, Samples: make([]ingest.Sample, 1)})
	}
	return l
}

// send sends what has not been taken yet and returns the status, 0 for none.
func (l *lane) send() int {
	if l.body == nil {
		l.at += 100
		for i := range l.series {
			l.series[i].Samples[0] = ingest.Sample{T: l.at, V: float64(l.at)}
		}
		l.body = ingesttest.EncodeSnappy(l.series...)
	}
	status, err := l.post()
	if err != nil && l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
	if status == http.StatusNoContent {
		l.body = nil
	}
	return status
}

// laneTime is how long a host waits for an answer.
const laneTime = 30 * time.Second

func (l *lane) post() (status int, err error) {
	if l.conn == nil {
		if l.conn, err = net.Dial("tcp", strings.TrimPrefix(l.s.url, "http://")); err != nil {
			return 0, err
		}
		l.in = bufio.NewReaderSize(l.conn, 1024)
	}
	if err := l.conn.SetDeadline(time.Now().Add(laneTime)); err != nil {
		return 0, err
	}
	head := fmt.Sprintf("POST /api/v1/write HTTP/1.1\r\nHost: invoq\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nContent-Length: %d\r\n\r\n",
		l.s.key, len(l.body))
	parts := net.Buffers{[]byte(head), l.body}
	if _, err := parts.WriteTo(l.conn); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return 0, err
	}
	if res.Close {
		return res.StatusCode, io.EOF
	}
	return res.StatusCode, nil
}
