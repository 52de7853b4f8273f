package billing

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"invoq"
)

// tags are those of a tenant's services.
type tags map[service]map[string]string

// service names one of a tenant's services.
type service struct{ namespace, name string }

func newTags(all []invoq.ServiceTags) tags {
	t := make(tags, len(all))
	for _, s := range all {
		t[service{s.Namespace, s.Service}] = s.Tags
	}
	return t
}

// over returns the tags with those that a bill was made with in their place:
// what it was priced by stays, whatever a service is called since.
func (t tags) over(pinned []invoq.ServiceTags) tags {
	if len(pinned) == 0 {
		return t
	}
	all := newTags(pinned)
	for s, of := range t {
		if _, known := all[s]; !known {
			all[s] = of
		}
	}
	return all
}

// pin returns pinned tags with those of further services, in order. What is
// pinned already stays: it was said first.
func pin(pinned, more []invoq.ServiceTags) []invoq.ServiceTags {
	all := slices.Clone(pinned)
	known := newTags(pinned)
	for _, s := range more {
		if _, is := known[service{s.Namespace, s.Service}]; !is {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, compareServices)
	return all
}

// unpinned returns the tags of services that others do not name.
func unpinned(all, pinned []invoq.ServiceTags) []invoq.ServiceTags {
	known := newTags(pinned)
	return slices.DeleteFunc(slices.Clone(all), func(s invoq.ServiceTags) bool {
		_, is := known[service{s.Namespace, s.Service}]
		return is
	})
}

func compareServices(a, b invoq.ServiceTags) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service))
}

// tagsOf returns the tags that a bill was priced by. One that was made of windows
// names none, but its lines say which rate took which service.
func (a agreement) tagsOf(ctx context.Context, b invoq.Bill) ([]invoq.ServiceTags, error) {
	if !b.OfWindows {
		return b.Tags, nil
	}
	parts, err := a.pinned(ctx, b.TenantID, partsOf(b))
	if err != nil {
		return nil, err
	}
	found := tags{}
	for _, l := range own(b) {
		for i := range parts {
			if same(parts[i].Interval, l.Period) {
				found.readLine(l, parts[i].sheet.Plan())
			}
		}
	}
	var all []invoq.ServiceTags
	for s, of := range found {
		all = append(all, invoq.ServiceTags{Namespace: s.namespace, Service: s.name, Tags: of})
	}
	slices.SortFunc(all, compareServices)
	return all, nil
}

// readLine notes the tags that the line's rate asks for with each service on it.
// The service had them, and maybe others: these alone choose the same rates
// again, since one before that asks for more would have taken it then.
func (t tags) readLine(l invoq.BillLine, plan invoq.Plan) {
	at := slices.IndexFunc(plan.Rates, func(r invoq.Rate) bool { return r.Label() == l.Rate })
	if at < 0 {
		return // The plan's own minimum.
	}
	for _, in := range l.Inputs {
		s := service{in.Namespace, in.Service}
		if t[s] == nil {
			t[s] = map[string]string{}
		}
		maps.Copy(t[s], plan.Rates[at].Where.Tags)
	}
}
