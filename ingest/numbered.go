package ingest

// numbering numbers the different labels of a request whose series refer to
// their labels (2.0): a label is spelled once, however many series have it, and
// whoever knows a series by its labels has to look at each of them once.
type numbering struct {
	// text holds the labels, in the form that 1.0 has on the wire; label n is
	// text[bounds[n]:bounds[n+1]].
	text   []byte
	bounds []int32
	// numbers are those of the labels of all series, in turn.
	numbers []uint32
	// pairs remembers the last label of each value, by the value's symbol.
	pairs []pair
}

// pair is a label of a value: the symbol of its name, its number, and the
// bytes that it takes. There is none where size is 0.
type pair struct{ name, number, size uint32 }

// reset forgets all labels and keeps the memory.
func (n *numbering) reset() {
	n.text, n.bounds = n.text[:0], append(n.bounds[:0], 0)
	n.numbers, n.pairs = n.numbers[:0], n.pairs[:0]
}

// added numbers the label that was appended to text.
func (n *numbering) added() (number uint32) {
	n.bounds = append(n.bounds, int32(len(n.text)))
	return uint32(len(n.bounds) - 2)
}

// Numbered returns how many labels are numbered, from 0 on. The same label may
// have several numbers.
func (b *Batch) Numbered() int { return max(len(b.labels.bounds)-1, 0) }

// Label returns a label by its number, as a field of a TimeSeries message of
// 1.0. The batch owns it.
func (b *Batch) Label(number uint32) []byte {
	return b.labels.text[b.labels.bounds[number]:b.labels.bounds[number+1]]
}

// Numbers returns the numbers of the series' labels, in the order of the
// request. There are none where the labels came spelled. The batch owns them.
func (b *Batch) Numbers(s *Series) []uint32 { return b.labels.numbers[s.FirstLabel:s.EndLabel] }

// Spell returns the series' labels as bytes, for ParseLabels. Labels that are
// numbered are spelled out at the first call.
func (b *Batch) Spell(s *Series) []byte {
	if s.Labels == nil && s.FirstLabel < s.EndLabel {
		s.Labels = b.join(b.Numbers(s))
	}
	return s.Labels
}

// join spells numbered labels out, one after another.
func (b *Batch) join(numbers []uint32) []byte {
	need := 0
	for _, n := range numbers {
		need += len(b.Label(n))
	}
	out := b.room(need)
	for _, n := range numbers {
		out = append(out, b.Label(n)...)
	}
	return b.spelt(out)
}

// Describe returns the series' labels in a form fit for an error message.
func (b *Batch) Describe(s *Series) string { return describe(b.Spell(s)) }
