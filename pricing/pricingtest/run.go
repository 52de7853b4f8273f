package pricingtest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"invoq"
	"invoq/pricing"
)

// Report is what came of a script.
type Report struct {
	Failures []Failure
	Prices   int // price commands run
	// Updated is the script with the results of its price commands written
	// anew; nil where the script could not be run to its end.
	Updated []byte
}

// Check runs a script; name stands in its failures. It stops at the first line
// that it cannot read and goes on after a result that differs.
func Check(name string, src []byte) Report {
	r := runner{lines: splitLines(src)}
	r.clear()
	commands, failure := parse(src)
	for _, c := range commands {
		if failure != nil {
			break
		}
		failure = r.run(c)
	}
	if failure != nil {
		r.fail(failure)
	} else {
		r.report.Updated = r.updated()
	}
	for i := range r.report.Failures {
		r.report.Failures[i].File = name
	}
	return r.report
}

// runner is the state of a running script.
type runner struct {
	lines  []string
	plans  map[string]invoq.Plan
	latest string // name of the plan defined last
	usage  map[string][]pricing.Item
	edits  []edit
	report Report
}

// edit replaces the lines [from, to) of the script.
type edit struct {
	from, to int
	lines    []string
}

func (r *runner) fail(f *Failure) { r.report.Failures = append(r.report.Failures, *f) }

// clear forgets what the command before left.
func (r *runner) clear() {
	r.plans, r.usage, r.latest = map[string]invoq.Plan{}, map[string][]pricing.Item{}, ""
}

// run runs one command and compares what it prints.
func (r *runner) run(c command) *Failure {
	words := strings.Fields(c.text)
	switch words[0] {
	case "plan":
		return r.plan(c, words[1:])
	case "load":
		return r.load(c, words[1:])
	case "price":
		return r.price(c, words[1:])
	case "clear":
		if len(words) > 1 || len(c.body) > 0 {
			return failAt(c.number, "clear stands alone")
		}
		r.clear()
		return nil
	}
	return failAt(c.number, "%q is no command; they are plan, load, price and clear", words[0])
}

// plan reads a plan, which the commands after it use.
func (r *runner) plan(c command, args []string) *Failure {
	expected, body, failure := takeExpect(c.body)
	if failure != nil {
		return failure
	}
	c.body = body
	plan, failure := parsePlan(c, args)
	if failure == nil {
		if err := pricing.Validate(plan); err != nil {
			message := invoq.MessageOf(err)
			failure = &Failure{Line: lineOf(message, c), Message: message, ofPlan: true}
		}
	}
	if expected != nil && (failure == nil || failure.ofPlan) {
		return expected.check(failure)
	}
	if failure != nil {
		return failure
	}
	r.plans[plan.Name], r.latest = plan, plan.Name
	return nil
}

// load reads usage.
func (r *runner) load(c command, args []string) *Failure {
	l, err := parseLoad(args)
	if err != nil {
		return failAt(c.number, "%v", err)
	}
	for _, b := range c.body {
		tenant, items, err := l.series(b.text)
		if err != nil {
			return failAt(b.number, "%v", err)
		}
		r.usage[tenant] = append(r.usage[tenant], items...)
		if len(r.usage[tenant]) > maxValues {
			return failAt(b.number, "tenant %q has more than %d items", tenant, maxValues)
		}
	}
	return nil
}

// price prices the usage by the plan.
func (r *runner) price(c command, args []string) *Failure {
	r.report.Prices++
	expected, body, failure := takeExpect(c.body)
	if failure != nil {
		return failure
	}
	o, err := r.order(args)
	var st pricing.Statement
	if err == nil {
		st, err = r.statement(o)
	}
	if err != nil {
		failure = failAt(c.number, "%s", message(err))
	}
	if expected != nil {
		if len(body) > 0 {
			return failAt(body[0].number, "a price that fails has no results")
		}
		return expected.check(failure)
	}
	if failure != nil {
		return failure
	}
	got := results(st, o.exact)
	r.edits = append(r.edits, edit{from: c.number, to: c.end, lines: r.rewritten(c, got)})
	if failure := compare(c, body, got); failure != nil {
		r.fail(failure)
	}
	return nil
}

// order is what a price command asks for.
type order struct {
	tenant string
	plan   string
	period pricing.Period
	exact  bool // show unrounded amounts
}

// order reads TENANT PERIOD [in ZONE] [with PLAN] [exact].
func (r *runner) order(args []string) (order, error) {
	w := words{all: args}
	o := order{tenant: w.next(), plan: r.latest}
	span := w.next()
	loc := time.UTC
	var err error
	if w.accept("in") {
		if loc, err = zone(w.next()); err != nil {
			return o, err
		}
	}
	if w.accept("with") {
		o.plan = w.next()
	}
	o.exact = w.accept("exact")
	if err := w.finish(); err != nil {
		return o, err
	}
	if o.period, err = period(span, loc); err != nil {
		return o, err
	}
	return o, o.period.Validate()
}

// statement returns what the plan asks for the usage.
func (r *runner) statement(o order) (pricing.Statement, error) {
	plan, ok := r.plans[o.plan]
	if !ok {
		return pricing.Statement{}, invoq.Errorf(invoq.KindNotFound,
			"there is no plan %q above", o.plan)
	}
	items, ok := r.usage[o.tenant]
	if !ok {
		return pricing.Statement{}, invoq.Errorf(invoq.KindNotFound,
			"tenant %q has no usage above", o.tenant)
	}
	return pricing.Price(plan, o.period, relevant(items, o.period))
}

// relevant leaves out the items that lie wholly outside what Price asks for.
func relevant(items []pricing.Item, p pricing.Period) []pricing.Item {
	from := p.UsageFrom()
	return slices.DeleteFunc(slices.Clone(items), func(i pricing.Item) bool {
		return (i.Start.Before(from) && !i.End.After(from)) || !i.Start.Before(p.End)
	})
}

// message returns the words for a user: those of the first invoq.Error, or of
// the script's own error.
func message(err error) string {
	if e, ok := errors.AsType[*invoq.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// updated returns the script with all results rewritten.
func (r *runner) updated() []byte {
	var out bytes.Buffer
	at := 0
	write := func(lines []string) {
		for _, l := range lines {
			out.WriteString(l)
			out.WriteByte('\n')
		}
	}
	for _, e := range r.edits {
		write(r.lines[at:e.from])
		write(e.lines)
		at = e.to
	}
	write(r.lines[at:])
	return out.Bytes()
}
