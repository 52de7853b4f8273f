package ingest

import "invoq"

// metadataTypes are the names of MetricType, which both protocols number alike.
var metadataTypes = []string{
	"unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset",
}

// decodeMetadataV1 reads one MetricMetadata message. Its strings are copied,
// since metadata is kept.
//
//	MetricMetadata { MetricType type = 1; string metric_family_name = 2;
//	                 string help = 4; string unit = 5 }
func decodeMetadataV1(b []byte, lim Limits, out *Batch) error {
	if len(out.Metadata) == lim.Series {
		return invoq.Errorf(invoq.KindTooLarge, "request describes more than %d metric families", lim.Series)
	}
	m := Metadata{Type: metadataTypes[0]}
	for i := 0; i < len(b); {
		tag, j := varint(b, i)
		if j < 0 {
			return badProto()
		}
		next, err := skip(b, j, int(tag&7))
		if err != nil {
			return badProto()
		}
		switch tag {
		case 1<<3 | wireVarint:
			if n, _ := varint(b, j); n < uint64(len(metadataTypes)) {
				m.Type = metadataTypes[n]
			}
		case 2<<3 | wireBytes:
			m.Family = text(b, j, lim.LabelValueBytes)
		case 4<<3 | wireBytes:
			m.Help = text(b, j, lim.LabelValueBytes)
		case 5<<3 | wireBytes:
			m.Unit = text(b, j, lim.LabelValueBytes)
		}
		i = next
	}
	if m.Family != "" {
		out.Metadata = append(out.Metadata, m)
	}
	return nil
}

// text copies the string field at b[i:], which skip has already walked over,
// cut to the given number of bytes.
func text(b []byte, i, most int) string {
	from, to, err := span(b, i)
	if err != nil {
		return ""
	}
	return string(b[from:min(to, from+most)])
}
