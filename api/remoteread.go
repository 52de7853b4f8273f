package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage/remote"
	"google.golang.org/protobuf/encoding/protowire"

	"invoq"
)

// Limits of remote read.
const (
	readRequestBytes = 256 << 10 // of a request, once it is decoded
	readQueries      = 16        // of a request
	readFields       = 2048      // of a request's queries, their matchers and hints
	readFrameBytes   = 1 << 20   // of a frame of chunks
	readAnswerBytes  = 64 << 20  // of an answer of chunks
)

// errAnswerTooLarge ends an answer of chunks that grows beyond the limit.
var errAnswerTooLarge = errors.New("answer is too large")

// remoteRead answers what Prometheus's remote_read asks, as samples or as
// chunks. Answers are built in memory, within limits.
func (s *Server) remoteRead(c *fiber.Ctx) error {
	body, err := readBody(c, readRequestBytes)
	if err != nil {
		return err
	}
	req, err := readRequest(body)
	if err != nil {
		return err
	}
	kind, err := remote.NegotiateResponseType(req.AcceptedResponseTypes)
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	tenant, err := s.readScope(c.UserContext(), c)
	if err != nil {
		return err
	}
	return s.Queries.Read(c.UserContext(), tenant, func(ctx context.Context) error {
		if kind == prompb.ReadRequest_STREAMED_XOR_CHUNKS {
			return s.readChunks(ctx, c, tenant, req)
		}
		return s.readSamples(ctx, c, tenant, req)
	})
}

// readRequest reads the message within its limits.
func readRequest(body []byte) (*prompb.ReadRequest, error) {
	n, err := snappy.DecodedLen(body)
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "body is not snappy block format: %v", err)
	}
	if n > readRequestBytes {
		return nil, invoq.Errorf(invoq.KindTooLarge, "body has %d bytes once decoded, at most %d are read",
			n, readRequestBytes)
	}
	if body, err = snappy.Decode(nil, body); err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "body is not snappy block format: %v", err)
	}
	if err := countFields(body, new(int), queriesField, hintsField); err != nil {
		return nil, err
	}
	req := new(prompb.ReadRequest)
	if err := req.Unmarshal(body); err != nil {
		return nil, notReadRequest(err)
	}
	if len(req.Queries) > readQueries {
		return nil, invoq.Errorf(invoq.KindTooLarge, "request has more than %d queries", readQueries)
	}
	return req, nil
}

// The fields of prompb.ReadRequest and of a query in it that hold messages of
// many parts.
const (
	queriesField protowire.Number = 1
	hintsField   protowire.Number = 4
)

// countFields refuses a message that has too many fields, together with those
// of the messages in the field that is named first, and so on: each takes many
// times its length of memory.
func countFields(b []byte, count *int, inner ...protowire.Number) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return notReadRequest(protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(field, kind, b[n:])
		if size < 0 {
			return notReadRequest(protowire.ParseError(size))
		}
		if *count++; *count > readFields {
			return invoq.Errorf(invoq.KindTooLarge, "request has more than %d fields", readFields)
		}
		if content, k := protowire.ConsumeBytes(b[n:]); k > 0 && kind == protowire.BytesType &&
			len(inner) > 0 && field == inner[0] {
			if err := countFields(content, count, inner[1:]...); err != nil {
				return err
			}
		}
		b = b[n+size:]
	}
	return nil
}

// notReadRequest refuses bytes that are no message.
func notReadRequest(err error) error {
	return invoq.Errorf(invoq.KindInvalid, "body is not a prometheus.ReadRequest: %v", err)
}

// readSamples answers with samples.
func (s *Server) readSamples(
	ctx context.Context, c *fiber.Ctx, tenant invoq.TenantName, req *prompb.ReadRequest,
) error {
	res := prompb.ReadResponse{Results: make([]*prompb.QueryResult, len(req.Queries))}
	left := s.Queries.Limits().Samples
	for i, query := range req.Queries {
		ms, err := matchersOf(query)
		if err != nil {
			return err
		}
		q, err := s.Queries.View(tenant).Querier(query.StartTimestampMs, query.EndTimestampMs)
		if err != nil {
			return fmt.Errorf("open querier: %w", err)
		}
		res.Results[i], _, err = remote.ToQueryResult(q.Select(ctx, false, nil, ms...), left)
		if err := errors.Join(err, q.Close()); err != nil {
			return readError(ctx, err)
		}
		for _, series := range res.Results[i].Timeseries {
			left -= len(series.Samples) + len(series.Histograms)
		}
		left = max(left, 1) // 0 would be no limit at all.
	}
	body, err := res.Marshal()
	if err != nil {
		return fmt.Errorf("marshal samples: %w", err)
	}
	c.Set(fiber.HeaderContentType, "application/x-protobuf")
	c.Set(fiber.HeaderContentEncoding, "snappy")
	return c.Send(snappy.Encode(nil, body))
}

// readChunks answers with chunks as they are stored.
func (s *Server) readChunks(
	ctx context.Context, c *fiber.Ctx, tenant invoq.TenantName, req *prompb.ReadRequest,
) error {
	out := &boundedBuffer{}
	w := remote.NewChunkedWriter(out, out)
	for i, query := range req.Queries {
		ms, err := matchersOf(query)
		if err != nil {
			return err
		}
		q, err := s.Queries.Chunks(tenant).ChunkQuerier(query.StartTimestampMs, query.EndTimestampMs)
		if err != nil {
			return fmt.Errorf("open querier: %w", err)
		}
		_, err = remote.StreamChunkedReadResponses(
			w, int64(i), q.Select(ctx, true, nil, ms...), nil, readFrameBytes, &sync.Pool{})
		if err := errors.Join(err, q.Close()); err != nil {
			return readError(ctx, err)
		}
	}
	w.Close()
	c.Set(fiber.HeaderContentType, "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
	return c.Send(out.Bytes())
}

// matchersOf reads the matchers of a query.
func matchersOf(q *prompb.Query) ([]*labels.Matcher, error) {
	ms, err := remote.FromLabelMatchers(q.Matchers)
	if err != nil {
		return nil, invoq.Errorf(invoq.KindInvalid, "%v", err)
	}
	return ms, nil
}

// readError sorts errors by whose fault they are.
func readError(ctx context.Context, err error) error {
	var limit remote.HTTPError
	switch {
	case errors.As(err, &limit), errors.Is(err, errAnswerTooLarge):
		return invoq.Errorf(invoq.KindUnprocessable, "the query reads too many samples: ask for less")
	case ctx.Err() != nil:
		return invoq.Errorf(invoq.KindUnavailable, "the query took too long: ask for less").WithCause(err)
	}
	return fmt.Errorf("remote read: %w", err)
}

// boundedBuffer is a buffer that refuses to grow beyond the limit of an answer.
type boundedBuffer struct{ bytes.Buffer }

// Write appends to the buffer.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > readAnswerBytes {
		return 0, errAnswerTooLarge
	}
	return b.Buffer.Write(p)
}

// Flush does nothing: the answer is sent when it is whole.
func (*boundedBuffer) Flush() {}
