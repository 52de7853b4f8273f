package dashboards

import (
	"strings"

	"invoq"
	"invoq/billing"
	"invoq/pricing"
)

// Status is where a tenant stands, in a word.
type Status struct {
	Kind   string // one of the constants below
	Text   string
	Detail string // why; empty where the word says it all
}

// The kinds of status, the worst first.
const (
	statusProblem = "problem" // nothing is priced
	statusPartly  = "partly"  // some usage is not
	statusNote    = "note"    // the usage is not quite certain
	statusIdle    = "idle"    // nothing was used
	statusFine    = "fine"
)

// The kinds of problem, as far as they can be told apart.
const (
	noPlan       = "no plan"
	otherProblem = "other"
)

// problemKind says in two words what keeps a month from being priced.
func problemKind(m *billing.Month) string {
	if strings.HasPrefix(m.Problem, "no active plan") {
		return noPlan
	}
	return otherProblem
}

// statusOf returns the worst of what is to be said about a month.
func statusOf(m *billing.Month) Status {
	missed, _ := uncovered(m)
	switch {
	case m.Problem != "" && problemKind(m) == noPlan:
		return Status{Kind: statusProblem, Text: "No plan"}
	case m.Problem != "":
		return Status{Kind: statusProblem, Text: "Not priced", Detail: sentence(m.Problem)}
	case len(missed) > 0:
		return Status{Kind: statusPartly, Text: "Partly unpriced", Detail: meterList(missed)}
	case m.Used(invoq.Invocations).IsZero():
		return Status{Kind: statusIdle, Text: "Idle"}
	case noteOf(m) != "":
		return Status{Kind: statusNote, Text: noteOf(m)}
	}
	return Status{Kind: statusFine, Text: "Fine"}
}

// notes are the warnings of package billing about which something can be done,
// by a part of their text, and what they come to in two words. That a pod ends
// between two scrapes is not among them: it is so of every pod, and stands on
// the tenant's page.
var notes = []struct{ part, text string }{
	{"had no known memory", "Memory unknown"},
	{"were counted from first samples", "Starts assumed"},
}

// noteOf says in two words what is uncertain about a month and can be mended.
func noteOf(m *billing.Month) string {
	for _, n := range notes {
		for _, w := range m.Warnings {
			if strings.Contains(w, n.part) {
				return n.text
			}
		}
	}
	return ""
}

// uncovered tells usage that the plan's rates miss, though they price its
// meter, from usage of meters that the plan does not sell at all.
func uncovered(m *billing.Month) (missed, unsold []pricing.Unpriced) {
	sold := map[invoq.Meter]bool{}
	for _, r := range m.Plan.Rates {
		sold[r.Meter] = true
	}
	for _, u := range m.Unpriced {
		if sold[u.Meter] {
			missed = append(missed, u)
		} else {
			unsold = append(unsold, u)
		}
	}
	return missed, unsold
}

// meterList names meters as in a sentence.
func meterList(all []pricing.Unpriced) string {
	var names []string
	for _, u := range all {
		names = append(names, meterName(u.Meter)+": "+quantity(u.Meter, u.Quantity).Text)
	}
	return strings.Join(names, ", ")
}
