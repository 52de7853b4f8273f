package pricingtest

import (
	"fmt"
	"strings"

	"invoq"
)

// words reads a line word by word and remembers the first thing wrong with it.
type words struct {
	all []string
	err error
}

// peek returns the next word without taking it; "" at the end.
func (w *words) peek() string {
	if len(w.all) == 0 {
		return ""
	}
	return w.all[0]
}

// next takes the next word.
func (w *words) next() string {
	word := w.peek()
	if word == "" {
		w.fail("the line ends too soon")
		return ""
	}
	w.all = w.all[1:]
	return word
}

// accept takes the next word if it is the given one.
func (w *words) accept(word string) bool {
	if w.err != nil || w.peek() != word {
		return false
	}
	w.all = w.all[1:]
	return true
}

// expect takes the given word or fails.
func (w *words) expect(word string) {
	if !w.accept(word) {
		w.fail("%q is expected, not %q", word, w.peek())
	}
}

// number takes a decimal.
func (w *words) number() invoq.Decimal {
	word := w.next()
	if w.err != nil {
		return invoq.Decimal{}
	}
	d, err := number(word)
	if err != nil {
		w.fail("%s", invoq.MessageOf(err))
	}
	return d
}

// fail keeps the first error of the line.
func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// share reads a percentage such as 5%.
func (w *words) share() invoq.Decimal {
	word := w.next()
	percent, ok := strings.CutSuffix(word, "%")
	if !ok {
		w.fail("%q is not a percentage", word)
	}
	if w.err != nil {
		return invoq.Decimal{}
	}
	d, err := number(percent)
	if err != nil {
		w.fail("%s", invoq.MessageOf(err))
	}
	return d.Scale(-2)
}

// unit reads a number of 0 or more with its unit, such as 120ms.
func (w *words) unit(name string) invoq.Decimal {
	word := w.next()
	text, ok := strings.CutSuffix(word, name)
	if !ok {
		w.fail("%q is not a number of %s", word, name)
	}
	if w.err != nil {
		return invoq.Decimal{}
	}
	d, err := number(text)
	if err == nil && d.Sign() < 0 {
		err = fmt.Errorf("%q is negative", word)
	}
	if err != nil {
		w.fail("%s", message(err))
	}
	return d
}

// finish returns what was wrong, words left over included.
func (w *words) finish() error {
	if w.err == nil && len(w.all) > 0 {
		w.fail("%q is not expected here", strings.Join(w.all, " "))
	}
	return w.err
}
