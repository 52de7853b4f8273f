package otlp

import (
	"google.golang.org/protobuf/encoding/protowire"

	"invoq"
)

// Bounds of one request beside those of ingest.Limits. Each element of a
// message costs up to some 150 bytes of memory however short it is on the wire.
const (
	maxElements = 400_000
	maxDepth    = 32
)

// shape says which fields of a message hold messages.
type shape map[protowire.Number]shape

// anyValue is opentelemetry.proto.common.v1.AnyValue, which may hold itself.
func anyValue() shape {
	any := shape{}
	keyValue := shape{2: any}
	any[5] = shape{1: any}      // ArrayValue
	any[6] = shape{1: keyValue} // KeyValueList
	return any
}

// exportShape is opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest.
//
// Source: opentelemetry-proto, metrics/v1/metrics.proto.
func exportShape() shape {
	keyValue := shape{2: anyValue()}
	exemplar := shape{7: keyValue}
	number := shape{7: keyValue, 5: exemplar}
	histogram := shape{9: keyValue, 8: exemplar}
	exponential := shape{1: keyValue, 8: {}, 9: {}, 11: exemplar}
	summary := shape{7: keyValue, 6: {}}
	metric := shape{
		5: {1: number}, 7: {1: number}, 9: {1: histogram}, 10: {1: exponential}, 11: {1: summary},
		12: keyValue,
	}
	return shape{1: {
		1: {1: keyValue, 3: {}},
		2: {1: {3: keyValue}, 2: metric},
	}}
}

// prescan walks over the message and refuses one that would take much more
// memory than its length says, before anything is allocated for it.
type prescan struct{ elements int }

// message counts the elements of a message.
func (p *prescan) message(b []byte, s shape, depth int) error {
	if depth > maxDepth {
		return invoq.Errorf(invoq.KindInvalid, "the message nests more than %d deep", maxDepth)
	}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return notMetrics(protowire.ParseError(n))
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return notMetrics(protowire.ParseError(size))
		}
		if err := p.count(); err != nil {
			return err
		}
		if inner, ok := s[number]; ok && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(b)
			if err := p.message(content, inner, depth+1); err != nil {
				return err
			}
		}
		b = b[size:]
	}
	return nil
}

// json counts the elements of JSON text: what opens or follows another.
func (p *prescan) json(b []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > 3*maxDepth {
				return invoq.Errorf(invoq.KindInvalid, "the text nests more than %d deep", 3*maxDepth)
			}
			fallthrough
		case c == ',':
			if err := p.count(); err != nil {
				return err
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return nil
}

// count counts one element.
func (p *prescan) count() error {
	if p.elements++; p.elements > maxElements {
		return invoq.Errorf(invoq.KindTooLarge,
			"the request has more than %d elements: send smaller batches", maxElements)
	}
	return nil
}

// notMetrics refuses what cannot be read.
func notMetrics(err error) error {
	return invoq.Errorf(invoq.KindInvalid, "body is not an ExportMetricsServiceRequest: %v", err)
}
