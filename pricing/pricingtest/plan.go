package pricingtest

import (
	"fmt"
	"strings"

	"invoq"
)

// meterAliases are names of meters that read better in a script.
var meterAliases = map[string]invoq.Meter{"requests": invoq.Invocations}

func meter(name string) invoq.Meter {
	if m, ok := meterAliases[name]; ok {
		return m
	}
	return invoq.Meter(name)
}

// parsePlan reads a plan command: "plan NAME CURRENCY" and a rate a line.
func parsePlan(c command, words []string) (invoq.Plan, *Failure) {
	if len(words) != 2 {
		return invoq.Plan{}, failAt(c.number, "plan takes a name and a currency: plan pro USD")
	}
	plan := invoq.Plan{Name: words[0], Currency: invoq.Currency(words[1]), Version: 1}
	for _, l := range c.body {
		r, err := parseRate(l.text)
		if err != nil {
			return invoq.Plan{}, failAt(l.number, "%v", err)
		}
		plan.Rates = append(plan.Rates, r)
	}
	return plan, nil
}

// parseRate reads METER{labels} [as NAME] [first N free [then]] PRICE [per N].
func parseRate(text string) (invoq.Rate, error) {
	name, labels, rest, err := labelled(text)
	if err != nil {
		return invoq.Rate{}, err
	}
	r := invoq.Rate{Meter: meter(name), Where: selector(labels)}
	if invoq.Meter(name) != r.Meter {
		r.Name = name
	}
	p := words{all: strings.Fields(strings.ReplaceAll(rest, ",", " , "))}
	if p.accept("as") {
		r.Name = p.next()
	}
	if p.accept("first") {
		r.FreePerMonth = p.number()
		p.expect("free")
		p.accept("then")
	}
	r.Price = p.number()
	if p.accept("per") {
		r.Per = p.number()
	}
	return r, p.finish()
}

// selector turns labels into a selector: service and namespace take names
// joined by |, every other label is a tag.
func selector(labels map[string]string) invoq.Selector {
	var s invoq.Selector
	for name, value := range labels {
		switch name {
		case "service":
			s.Services = strings.Split(value, "|")
		case "namespace":
			s.Namespaces = strings.Split(value, "|")
		default:
			if s.Tags == nil {
				s.Tags = map[string]string{}
			}
			s.Tags[name] = value
		}
	}
	return s
}

// words reads a line word by word and remembers the first thing wrong with it.
type words struct {
	all []string
	err error
}

func (w *words) peek() string {
	if len(w.all) == 0 {
		return ""
	}
	return w.all[0]
}

func (w *words) next() string {
	word := w.peek()
	if word == "" {
		w.fail("the line ends too soon")
		return ""
	}
	w.all = w.all[1:]
	return word
}

func (w *words) accept(word string) bool {
	if w.err != nil || w.peek() != word {
		return false
	}
	w.all = w.all[1:]
	return true
}

func (w *words) expect(word string) {
	if !w.accept(word) {
		w.fail("%q is expected, not %q", word, w.peek())
	}
}

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

func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// finish returns what was wrong, words left over included.
func (w *words) finish() error {
	if w.err == nil && len(w.all) > 0 {
		w.fail("%q is not expected here", strings.Join(w.all, " "))
	}
	return w.err
}
