package backfill

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"invoq"
)

const (
	// maxLineBytes bounds a line of the input.
	maxLineBytes = 1 << 20
	// chunkBytes is how much is parsed at once.
	chunkBytes = 256 << 10
)

// endOfMetrics is the line that an OpenMetrics text ends with.
const endOfMetrics = "# EOF\n"

// Sample is one value of a series, and the line that it stands in.
type Sample struct {
	Line   int
	Labels labels.Labels
	T      int64 // milliseconds since 1970
	V      float64
}

// Samples come one by one; an error ends them.
type Samples iter.Seq2[Sample, error]

// OpenMetrics reads the samples of an OpenMetrics text. Each needs a time, and
// the text its "# EOF", so that one that was cut short is not taken for whole.
// Exemplars, types and help texts are read and not kept.
func OpenMetrics(r io.Reader) Samples {
	return func(yield func(Sample, error) bool) {
		t := &metricsText{lines: bufio.NewReaderSize(r, maxLineBytes), symbols: labels.NewSymbolTable()}
		for !t.ended {
			first := t.read + 1
			chunk, err := t.chunk()
			if err != nil {
				yield(Sample{}, err)
				return
			}
			if !t.parse(chunk, first, yield) {
				return
			}
		}
		if _, err := t.lines.ReadByte(); !errors.Is(err, io.EOF) {
			yield(Sample{}, lineError(t.read+1, "something follows the end of the metrics"))
		}
	}
}

// lineError is what is wrong with a line.
func lineError(line int, format string, args ...any) error {
	return invoq.Errorf(invoq.KindInvalid, "line %d: "+format, append([]any{line}, args...)...)
}

// metricsText is a text on its way through the parser.
type metricsText struct {
	lines   *bufio.Reader
	symbols *labels.SymbolTable
	read    int // lines
	ended   bool
}

// chunk reads lines that are parsed together. The parser knows no state between
// lines, so that a chunk may end anywhere; each gets an end of its own.
func (t *metricsText) chunk() ([]byte, error) {
	var chunk []byte
	for len(chunk) < chunkBytes {
		line, err := t.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, lineError(t.read+1, "it has more than %d bytes", maxLineBytes)
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, lineError(t.read+1, "the text ends without # EOF: it was cut short")
		case err != nil && !errors.Is(err, io.EOF):
			return nil, lineError(t.read+1, "%v", err)
		}
		t.read++
		if bytes.Equal(bytes.TrimRight(line, "\r\n"), []byte("# EOF")) {
			t.ended = true
			break
		}
		chunk = append(chunk, line...)
	}
	return append(chunk, endOfMetrics...), nil
}

// parse hands over the samples of a chunk whose first line is given, and reports
// whether there may be more.
func (t *metricsText) parse(chunk []byte, first int, yield func(Sample, error) bool) bool {
	p := textparse.NewOpenMetricsParser(chunk, t.symbols)
	for line := first; ; line++ {
		kind, err := p.Next()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			yield(Sample{}, lineError(line, "%v", err))
			return false
		}
		if kind != textparse.EntrySeries {
			continue
		}
		_, at, v := p.Series()
		if at == nil {
			yield(Sample{}, lineError(line, "the sample has no time"))
			return false
		}
		s := Sample{Line: line, T: *at, V: v}
		p.Labels(&s.Labels)
		if !yield(s, nil) {
			return false
		}
	}
}
