package ingest

// Limits bound one request before anything is allocated for it. Zero values
// are invalid: start from DefaultLimits.
type Limits struct {
	// WireBytes bounds the compressed body, DecodedBytes the body after it.
	WireBytes, DecodedBytes int
	// Series, Samples and Labels bound what a request may hold; Labels is per
	// series.
	Series, Samples, Labels int
	// Symbols bounds the table of strings of a 2.0 request.
	Symbols int
	// Histograms and Exemplars are per request, and so are Buckets: the spans,
	// buckets and bounds of all its native histograms.
	Histograms, Buckets, Exemplars int
	// LabelNameBytes and LabelValueBytes bound a single label.
	LabelNameBytes, LabelValueBytes int
	// InFlightBytes bounds the decoded bytes of all requests together, and
	// likewise those of their bodies as they come; more wait, and are told to
	// come back when they waited too long.
	InFlightBytes int64
}

// DefaultLimits hold what Prometheus (2,000 samples a request) and vmagent
// (10,000 rows, 8 MiB) send, with room to spare.
func DefaultLimits() Limits {
	return Limits{
		WireBytes:       8 << 20,
		DecodedBytes:    16 << 20,
		Series:          20_000,
		Samples:         100_000,
		Labels:          64,
		Symbols:         200_000,
		Histograms:      20_000,
		Buckets:         1_000_000,
		Exemplars:       20_000,
		LabelNameBytes:  1024,
		LabelValueBytes: 2048,
		InFlightBytes:   64 << 20,
	}
}
