package pricingtest

import (
	"fmt"
	"strings"

	"invoq"
	"invoq/pricing"
)

// meterAliases are names of meters that read better in a script.
var meterAliases = map[string]invoq.Meter{"requests": invoq.Invocations}

// meter returns the meter of a name in scripts.
func meter(name string) invoq.Meter {
	if m, ok := meterAliases[name]; ok {
		return m
	}
	return invoq.Meter(name)
}

// parsePlan reads a plan command: "plan NAME CURRENCY" and a rate a line, or
// "plan NAME json" and a plan's JSON, or "plan NAME preset PRESET".
func parsePlan(c command, args []string) (invoq.Plan, *Failure) {
	if len(args) == 3 && args[1] == "preset" && len(c.body) == 0 {
		plan, err := pricing.Preset(args[2])
		if err != nil {
			return invoq.Plan{}, failAt(c.number, "%s", invoq.MessageOf(err))
		}
		plan.Name = args[0]
		return plan, nil
	}
	if len(args) != 2 {
		return invoq.Plan{}, failAt(c.number, "plan takes a name and a currency: plan pro USD")
	}
	if args[1] == "json" {
		return jsonPlan(c, args[0])
	}
	plan := invoq.Plan{Name: args[0], Currency: invoq.Currency(args[1]), Version: 1}
	for _, l := range c.body {
		if err := planLine(&plan, l.text); err != nil {
			return invoq.Plan{}, failAt(l.number, "%v", err)
		}
	}
	return plan, nil
}

// lineOf returns the line of the rate that a message is about, rates[3].price: the
// fourth below the plan; else that of the plan.
func lineOf(message string, c command) int {
	var n int
	if _, err := fmt.Sscanf(message, "rates[%d]", &n); err != nil {
		return c.number
	}
	for _, l := range c.body {
		if name, _, _, _ := labelled(l.text); name == "minimum" {
			continue // The plan's own is no rate.
		}
		if n--; n < 0 {
			return l.number
		}
	}
	return c.number
}

// jsonPlan reads the body as the JSON that the API takes; the script's name
// is the one that price commands know it by.
func jsonPlan(c command, name string) (invoq.Plan, *Failure) {
	var b strings.Builder
	for _, l := range c.body {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	plan, err := pricing.ParsePlan([]byte(b.String()))
	if err != nil {
		return invoq.Plan{}, &Failure{Line: c.number, Message: invoq.MessageOf(err), ofPlan: true}
	}
	plan.Name = name
	return plan, nil
}

// planLine reads a line of a plan: a rate, a fee or the plan's minimum.
func planLine(plan *invoq.Plan, text string) error {
	name, labels, rest, err := labelled(text)
	if err != nil {
		return err
	}
	w := words{all: strings.Fields(strings.ReplaceAll(rest, ",", " , "))}
	switch name {
	case "minimum":
		plan.MinimumPerMonth = w.number()
		return w.finish()
	case "fee":
		r := invoq.Rate{Kind: invoq.RateFlat, Name: w.next(), Price: w.number()}
		if w.accept("prorate") {
			r.Prorate = invoq.Proration(w.next())
		}
		plan.Rates = append(plan.Rates, r)
		return w.finish()
	}
	r := invoq.Rate{Meter: meter(name), Where: selector(labels)}
	if invoq.Meter(name) != r.Meter {
		r.Name = name
	}
	if w.accept("as") {
		r.Name = w.next()
	}
	readRate(&w, &r)
	plan.Rates = append(plan.Rates, r)
	return w.finish()
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

// readRate reads what is behind the meter: how calls are rounded, what is
// free, the price, and what comes off it.
func readRate(w *words, r *invoq.Rate) {
	for w.accept("round") {
		readRounding(w, &r.Round)
	}
	if w.accept("first") {
		r.FreePerMonth = w.number()
		w.expect("free")
		if w.accept("in") {
			r.FreePool = w.next()
		}
		w.accept("then")
	}
	readPrice(w, r)
	if w.accept("discount") {
		r.Discounts = readList(w, readDiscount)
	}
	if w.accept("spot") {
		r.SpotOff = w.share()
		w.expect("off")
	}
	if w.accept("minimum") {
		r.MinimumPerMonth = w.number()
	}
}

// readPrice reads the price by the word of its kind; a number is a price per
// unit.
func readPrice(w *words, r *invoq.Rate) {
	switch {
	case w.accept("package"):
		r.Kind, r.Price = invoq.RatePackage, w.number()
		readPer(w, r)
	case w.accept("graduated"):
		r.Kind = invoq.RateGraduated
		readPer(w, r)
		r.Tiers = readTiers(w)
	case w.accept("volume"):
		r.Kind = invoq.RateVolume
		readPer(w, r)
		r.Tiers = readTiers(w)
	case w.accept("hours"):
		r.Kind = invoq.RateTimeOfDay
		readPer(w, r)
		r.Price = w.number()
		w.expect(",")
		r.Windows = readList(w, readWindow)
	case w.accept("reserved"):
		r.Kind = invoq.RateReserved
		readPer(w, r)
		r.Committed = w.number()
		w.expect("at")
		r.Price = w.number()
		w.expect("then")
		r.Overage = w.number()
	case w.accept("FREE"):
		r.Kind = invoq.RateFree
	case w.accept("FIXED"):
		w.expect("in")
		r.Kind, r.IncludedIn = invoq.RateFixed, w.next()
	case w.accept("MARKUP"):
		r.Kind, r.Factor = invoq.RateMarkup, w.number()
	case w.accept("SUBSIDIZED"):
		r.Kind, r.Factor = invoq.RateSubsidized, w.number()
	default:
		r.Price = w.number()
		readPer(w, r)
	}
}

// readPer reads how many units a price is for.
func readPer(w *words, r *invoq.Rate) {
	if w.accept("per") {
		r.Per = w.number()
	}
}

// readRounding reads "duration up to 100 [min 100]" or "memory up to 128 [min
// 128] [max 1536]", in ms and MB.
func readRounding(w *words, r *invoq.Rounding) {
	what := w.next()
	w.expect("up")
	w.expect("to")
	switch what {
	case "duration":
		r.DurationStepMs = w.number()
		if w.accept("min") {
			r.DurationMinMs = w.number()
		}
	case "memory":
		r.MemoryStepMB = w.number()
		if w.accept("min") {
			r.MemoryMinMB = w.number()
		}
		if w.accept("max") {
			r.MemoryMaxMB = w.number()
		}
	default:
		w.fail("%q is neither duration nor memory", what)
	}
}

// readList reads what is separated by commas.
func readList[T any](w *words, read func(*words) T) []T {
	all := []T{read(w)}
	for w.accept(",") {
		all = append(all, read(w))
	}
	return all
}

// readTiers reads PRICE to BOUND, …, PRICE.
func readTiers(w *words) []invoq.Tier {
	tiers := readList(w, func(w *words) invoq.Tier {
		t := invoq.Tier{Price: w.number()}
		if w.accept("to") {
			t.UpTo = w.number()
		}
		return t
	})
	for i := range tiers[1:] {
		tiers[i+1].From = tiers[i].UpTo
	}
	return tiers
}

// readWindow reads NAME [DAYS] 22:00-06:00 PRICE; days are mon-fri or sat.
func readWindow(w *words) invoq.PriceWindow {
	p := invoq.PriceWindow{Name: w.next()}
	span := w.next()
	if !strings.Contains(span, ":") {
		p.Days = readDays(w, span)
		span = w.next()
	}
	p.From, p.To, _ = strings.Cut(span, "-")
	p.Price = w.number()
	return p
}

// readDays reads days of the week, alone or from one to another.
func readDays(w *words, span string) []string {
	week := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	first, last, ranged := strings.Cut(span, "-")
	if !ranged {
		return []string{first}
	}
	text := strings.Join(append(week, week...), " ") + " "
	_, after, ok := strings.Cut(text, first+" ")
	between, _, found := strings.Cut(after, last+" ")
	if !ok || !found {
		w.fail("days %q are not such as mon-fri", span)
		return nil
	}
	return append(append([]string{first}, strings.Fields(between)...), last)
}

// readDiscount reads 5% above N.
func readDiscount(w *words) invoq.Discount {
	d := invoq.Discount{Off: w.share()}
	w.expect("above")
	d.Above = w.number()
	return d
}
