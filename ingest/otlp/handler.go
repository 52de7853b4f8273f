package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"mime"
	"strings"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"invoq"
	"invoq/ingest"
)

// Content types of requests and answers.
const (
	Protobuf = "application/x-protobuf"
	JSON     = "application/json"
)

// memoryFactor is how many times its length a request is taken to need once it
// is decoded.
const memoryFactor = 8

// lookback has target_info written at the first and last instant of a resource's
// points, and nowhere in between: one odd point of 1970 would be millions.
const lookback = 200 * 365 * 24 * time.Hour

// Config says how metrics become series. Start from DefaultConfig.
type Config struct {
	// Promote are the resource attributes that become labels of every series
	// of the resource; all others are labels of target_info alone.
	Promote []string
}

// DefaultConfig promotes what tells the function, its pod and its owner, as
// Knative and the OpenTelemetry SDKs name them.
func DefaultConfig() Config {
	return Config{Promote: []string{
		"service.name", "service.namespace", "service.instance.id", "service.version",
		"k8s.namespace.name", "k8s.pod.name", "k8s.container.name",
		"kn.service.name", "kn.configuration.name", "kn.revision.name",
		"faas.name", "faas.version", "faas.instance",
	}}
}

// Handler takes export requests. It is safe for concurrent use.
type Handler struct {
	receiver *ingest.Receiver
	settings prometheusremotewrite.Settings
	shape    shape
}

// New returns a handler that hands what it reads to the receiver.
func New(r *ingest.Receiver, cfg Config) *Handler {
	promote := prometheusremotewrite.NewPromoteResourceAttributes(
		config.OTLPConfig{PromoteResourceAttributes: cfg.Promote})
	return &Handler{
		receiver: r,
		shape:    exportShape(),
		settings: prometheusremotewrite.Settings{
			AddMetricSuffixes:         true,
			PromoteResourceAttributes: promote,
			AllowDeltaTemporality:     true,
			LookbackDelta:             lookback,
		},
	}
}

// Answer is what a sender gets: a body in the content type of its request.
type Answer struct {
	ContentType string
	Body        []byte
	// Written counts what was stored durably.
	Written ingest.Counts
}

// Export takes one request. A request of which some values are refused is
// answered like one that succeeded, with the number and reasons of the refused:
// that is OTLP's partial success, and tells the sender to send nothing again.
// Errors are as Receiver.RemoteWrite has them; ErrorBody writes them down.
func (h *Handler) Export(ctx context.Context, req ingest.Request) (Answer, error) {
	media, err := mediaType(req.ContentType)
	if err != nil {
		return Answer{}, err
	}
	size, err := h.size(req)
	if err != nil {
		return Answer{}, err
	}
	written, rejected, err := h.receiver.Take(ctx, req.Scope, memoryFactor*size,
		func(b ingest.Builder) error {
			body, err := inflate(req, size)
			if err != nil {
				return err
			}
			md, err := h.decode(media, body)
			if err != nil {
				return err
			}
			return h.translate(ctx, md, b)
		})
	if err != nil {
		return Answer{}, err
	}
	return answer(media, written, rejected)
}

// mediaType returns the content type without its parameters.
func mediaType(s string) (string, error) {
	media, _, err := mime.ParseMediaType(s)
	if err != nil || media != Protobuf && media != JSON {
		return "", invoq.Errorf(invoq.KindUnsupported,
			"Content-Type %q is not read here, only %s and %s", s, Protobuf, JSON)
	}
	return media, nil
}

// size returns how many bytes the body has once it is decompressed, within the
// limit. It keeps none of them: there may be no memory for them yet.
func (h *Handler) size(req ingest.Request) (int64, error) {
	lim := h.receiver.Limits()
	if len(req.Body) > lim.WireBytes {
		return 0, invoq.Errorf(invoq.KindTooLarge,
			"body has %d bytes, at most %d are read", len(req.Body), lim.WireBytes)
	}
	z, err := reader(req)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, int64(lim.DecodedBytes)+1))
	if err != nil {
		return 0, notGzip(err)
	}
	if n > int64(lim.DecodedBytes) {
		return 0, invoq.Errorf(invoq.KindTooLarge,
			"body has more than %d bytes once decoded", lim.DecodedBytes)
	}
	return n, nil
}

// inflate returns the body, which has size bytes once it is decompressed.
func inflate(req ingest.Request, size int64) ([]byte, error) {
	if plain(req) {
		return req.Body, nil
	}
	z, err := reader(req)
	if err != nil {
		return nil, err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(z, body); err != nil {
		return nil, notGzip(err)
	}
	return body, nil
}

// plain reports whether the body is not compressed.
func plain(req ingest.Request) bool {
	return req.ContentEncoding == "" || strings.EqualFold(req.ContentEncoding, "identity")
}

// reader returns what reads the decompressed body.
func reader(req ingest.Request) (io.Reader, error) {
	body := bytes.NewReader(req.Body)
	switch {
	case plain(req):
		return body, nil
	case !strings.EqualFold(req.ContentEncoding, "gzip"):
		return nil, invoq.Errorf(invoq.KindUnsupported,
			"Content-Encoding %q is not read here, only gzip", req.ContentEncoding)
	}
	z, err := gzip.NewReader(body)
	if err != nil {
		return nil, notGzip(err)
	}
	return z, nil
}

// notGzip refuses what cannot be decompressed.
func notGzip(err error) error { return invoq.Errorf(invoq.KindInvalid, "body is not gzip: %v", err) }

// decode reads the request, once it is known to fit into memory.
func (h *Handler) decode(media string, body []byte) (pmetric.Metrics, error) {
	req := pmetricotlp.NewExportRequest()
	var p prescan
	if media == JSON {
		if err := p.json(body); err != nil {
			return pmetric.Metrics{}, err
		}
		if err := req.UnmarshalJSON(body); err != nil {
			return pmetric.Metrics{}, notMetrics(err)
		}
		return req.Metrics(), nil
	}
	if err := p.message(body, h.shape, 0); err != nil {
		return pmetric.Metrics{}, err
	}
	if err := req.UnmarshalProto(body); err != nil {
		return pmetric.Metrics{}, notMetrics(err)
	}
	return req.Metrics(), nil
}

// translate turns metrics into series. What it cannot translate it leaves out
// and counts as refused; an error is a limit that was passed.
func (h *Handler) translate(ctx context.Context, md pmetric.Metrics, b ingest.Builder) error {
	markDeltas(md)
	c := &collector{builder: b}
	_, err := prometheusremotewrite.NewPrometheusConverter(c).FromMetrics(ctx, md, h.settings)
	if c.err != nil {
		return c.err
	}
	if ctx.Err() != nil {
		return invoq.Errorf(invoq.KindUnavailable, "the request took too long; send it again").WithCause(ctx.Err())
	}
	for why := range leaves(err) {
		b.Refuse(ingest.Untranslatable, 1, why.Error)
	}
	return nil
}

// answer writes down what was stored and what was not.
func answer(media string, written ingest.Counts, rejected ingest.Rejections) (Answer, error) {
	res := pmetricotlp.NewExportResponse()
	err := rejected.Err(written.Samples + written.Histograms)
	if err != nil {
		partial := res.PartialSuccess()
		partial.SetErrorMessage(err.Error())
		partial.SetRejectedDataPoints(int64(rejected.Total()))
	}
	a := Answer{ContentType: media, Written: written}
	if media == JSON {
		a.Body, err = res.MarshalJSON()
	} else {
		a.Body, err = res.MarshalProto()
	}
	return a, err
}
