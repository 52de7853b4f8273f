package ingest

import (
	"mime"
	"strings"

	"invoq"
)

// protocols are the messages that are read here, by the proto parameter of the
// content type. A sender that names none speaks 1.0, as the protocol asks.
var protocols = map[string]Protocol{
	"":                               RemoteWrite1,
	"prometheus.WriteRequest":        RemoteWrite1,
	"io.prometheus.write.v2.Request": RemoteWrite2,
}

// negotiate tells by the headers what a request speaks, before anything of it
// is decompressed.
func negotiate(contentType, encoding string) (Protocol, error) {
	if encoding != "" && !strings.EqualFold(encoding, "snappy") {
		return 0, invoq.Errorf(invoq.KindUnsupported,
			"Content-Encoding %q is not read here, only snappy", encoding)
	}
	if contentType == "" {
		return RemoteWrite1, nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/x-protobuf" {
		return 0, invoq.Errorf(invoq.KindUnsupported,
			"Content-Type %q is not read here, only application/x-protobuf", contentType)
	}
	p, known := protocols[params["proto"]]
	if !known {
		return 0, invoq.Errorf(invoq.KindUnsupported,
			"message %q is not read here, only prometheus.WriteRequest and io.prometheus.write.v2.Request",
			params["proto"])
	}
	return p, nil
}
