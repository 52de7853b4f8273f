package otlp

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"invoq"
)

// codes are those of google.rpc.Status that a sender may look at.
var codes = map[invoq.Kind]int{
	invoq.KindUnauthenticated: 16, invoq.KindForbidden: 7, invoq.KindUnavailable: 14,
	invoq.KindLimited: 8, invoq.KindInternal: 13,
}

// invalidArgument is the code of everything that is the sender's fault.
const invalidArgument = 3

// Retried returns the error as one that a sender of OTLP sends again if that
// can help: of the server's faults it knows 502, 503 and 504 alone.
func Retried(err error) error {
	switch invoq.KindOf(err) {
	case invoq.KindInternal, invoq.KindStorageFull:
		e := invoq.Errorf(invoq.KindUnavailable, "samples could not be stored; send this again")
		if cause, ok := errors.AsType[*invoq.Error](err); ok {
			e.RetryAfter = cause.RetryAfter
		}
		return e.WithCause(err)
	}
	return err
}

// ErrorBody writes an error as the google.rpc.Status that OTLP/HTTP asks for,
// in the content type of the request, and returns its own.
func ErrorBody(contentType string, kind invoq.Kind, message string) (body []byte, media string) {
	code, known := codes[kind]
	if !known {
		code = invalidArgument
	}
	if media, err := mediaType(contentType); err == nil && media == Protobuf {
		body = protowire.AppendTag(nil, 1, protowire.VarintType)
		body = protowire.AppendVarint(body, uint64(code))
		body = protowire.AppendTag(body, 2, protowire.BytesType)
		return protowire.AppendString(body, message), Protobuf
	}
	body, err := json.Marshal(map[string]any{"code": code, "message": message})
	if err != nil {
		panic("BUG: a status does not marshal: " + err.Error())
	}
	return body, JSON
}
