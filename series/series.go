package series

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"invoq"
	"invoq/billing"
	"invoq/ingest"
	"invoq/postgres"
	"invoq/tsdb"
)

// Limits of one reading.
const (
	maxRevisions   = 100_000
	maxWindows     = 2_000_000
	maxCostTenants = 50
	maxCostMonths  = 38 // three years, begun and ended within months
	maxCostHours   = 500_000
)

// The labels of the series beside their name.
const (
	namespaceLabel = "namespace"
	serviceLabel   = "service"
	revisionLabel  = "revision"
	meterLabel     = "meter"
	currencyLabel  = "currency"
)

// The names of the series of cost.
const (
	costName         = "invoq_cost"
	ledgerRealName   = "invoq_ledger_real_cost"
	ledgerBilledName = "invoq_ledger_billed_cost"
)

// usageFamily is a meter as a series: its place among invoq.Meters, and how many
// of its units make one of the series'.
type usageFamily struct {
	name, help, unit string
	meter            int
	per              float64
}

// usageFamilies are the series of usage, in the order of invoq.Meters.
var usageFamilies = []usageFamily{
	{"invoq_usage_invocations", "Invocations in the window.", "", 0, 1},
	{"invoq_usage_duration_seconds", "Time spent in invocations in the window.", "seconds", 1, 1e3},
	{"invoq_usage_gb_seconds", "Memory (2^30 bytes) times time used in the window.", "", 2, 1e3 * 1024},
	{"invoq_usage_cpu_seconds", "Time on a processor in the window.", "seconds", 3, 1e3},
	{"invoq_usage_cold_starts", "Cold starts in the window.", "", 4, 1},
	{"invoq_usage_errors", "Failed invocations in the window.", "", 5, 1},
}

// families describes all series.
var families = func() map[string]ingest.Metadata {
	all := map[string]ingest.Metadata{
		costName: {
			Type: "gauge",
			Help: "What the day adds to the tenant's bill, before rounding; so far, for the current day.",
		},
		ledgerRealName:   {Type: "gauge", Help: "Real cost of the hour's entries of the ledger."},
		ledgerBilledName: {Type: "gauge", Help: "Billed cost of the hour's entries of the ledger."},
	}
	for _, f := range usageFamilies {
		all[f.name] = ingest.Metadata{Type: "gauge", Help: f.help, Unit: f.unit}
	}
	for name, m := range all {
		m.Family = name
		all[name] = m
	}
	return all
}()

// Series computes them. It is safe for concurrent use, and implements
// tsdb.Derived.
type Series struct {
	db     *postgres.DB
	biller *billing.Biller
	now    func() time.Time
}

// New returns the series of what the database stores, priced by the biller.
func New(db *postgres.DB, biller *billing.Biller, now func() time.Time) *Series {
	return &Series{db, biller, now}
}

// Families describes the series, by name. The caller leaves the map as it is.
func (*Series) Families() map[string]ingest.Metadata { return families }

// Labels are the names of their labels.
func (*Series) Labels() []string {
	return []string{
		model.MetricNameLabel, ingest.TenantLabel, namespaceLabel, serviceLabel, revisionLabel,
		meterLabel, currencyLabel,
	}
}

// question is what is asked for, once it is known whose it is.
type question struct {
	scope invoq.Scope
	// costs is set when the answer may tell real costs.
	costs    bool
	tenant   string // empty for everybody
	in       invoq.Interval
	span     tsdb.TimeRange
	matchers []*labels.Matcher
}

// ask reads a question. It returns false when nothing can be its answer.
func (s *Series) ask(
	ctx context.Context, tenant invoq.TenantName, r tsdb.TimeRange, ms []*labels.Matcher,
) (question, bool, error) {
	// Nothing is later than the end of the current day, anywhere.
	latest := s.now().Add(48 * time.Hour).UnixMilli()
	q := question{scope: invoq.Everyone(), costs: tenant == "", matchers: ms, tenant: string(tenant)}
	q.span = tsdb.TimeRange{Min: max(r.Min, 0), Max: min(r.Max, latest)}
	if q.span.Min > q.span.Max {
		return q, false, nil
	}
	q.in = invoq.Interval{Start: time.UnixMilli(q.span.Min).UTC(), End: time.UnixMilli(q.span.Max + 1).UTC()}
	for _, m := range ms {
		if q.tenant == "" && m.Name == ingest.TenantLabel && m.Type == labels.MatchEqual {
			q.tenant = m.Value
		}
	}
	if q.tenant == "" {
		return q, true, nil
	}
	if invoq.ValidateName("tenant", q.tenant) != nil {
		return q, false, nil // Nobody is called that.
	}
	t, err := s.db.FindTenant(ctx, invoq.Everyone(), q.tenant)
	if invoq.KindOf(err) == invoq.KindNotFound || err == nil && string(t.Name) != q.tenant {
		return q, false, nil
	}
	q.scope = invoq.Only(t.ID)
	return q, true, err
}

// names reports whether the question is about series of that name. What
// something costs the owner is told to those alone who see everybody.
func (q question) names(name string) bool {
	if name == ledgerRealName && !q.costs {
		return false
	}
	return !slices.ContainsFunc(q.matchers, func(m *labels.Matcher) bool {
		return m.Name == model.MetricNameLabel && !m.Matches(name)
	})
}

// matches reports whether a series is asked for.
func (q question) matches(ls labels.Labels) bool {
	return !slices.ContainsFunc(q.matchers, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) })
}

// Series returns the series that match and may have samples in the range. It
// prices nothing, so a series of cost may turn out to be 0.
func (s *Series) Series(
	ctx context.Context, tenant invoq.TenantName, r tsdb.TimeRange, ms []*labels.Matcher,
) ([]labels.Labels, error) {
	q, any, err := s.ask(ctx, tenant, r, ms)
	if err != nil || !any {
		return nil, err
	}
	revisions, err := s.revisions(ctx, q)
	if err != nil {
		return nil, err
	}
	var all []labels.Labels
	add := func(ls labels.Labels) {
		if q.matches(ls) {
			all = append(all, ls)
		}
	}
	for _, rev := range revisions {
		for _, f := range usageFamilies {
			add(usageLabels(f, rev))
		}
		for _, m := range invoq.Meters() {
			add(seriesLabels(costName, rev, string(m), rev.Currency))
		}
	}
	return s.ledgerSeries(ctx, q, all)
}

// Samples returns the series that match with their samples in the range.
func (s *Series) Samples(
	ctx context.Context, tenant invoq.TenantName, r tsdb.TimeRange, ms []*labels.Matcher,
) ([]tsdb.DerivedSeries, error) {
	q, any, err := s.ask(ctx, tenant, r, ms)
	if err != nil || !any {
		return nil, err
	}
	c := &collected{q: q, by: map[string]*tsdb.DerivedSeries{}}
	for _, read := range []func(context.Context, *collected) error{s.usage, s.costs, s.ledger} {
		if err := read(ctx, c); err != nil {
			return nil, err
		}
	}
	return c.series(), nil
}

// collected is an answer on its way.
type collected struct {
	q  question
	by map[string]*tsdb.DerivedSeries
}

// add adds a sample at the end of a stretch of time, if it is asked for. Samples
// of a series come by time.
func (c *collected) add(ls labels.Labels, end time.Time, v float64) {
	t := end.UnixMilli()
	if t < c.q.span.Min || t > c.q.span.Max || !c.q.matches(ls) {
		return
	}
	key := ls.String()
	if c.by[key] == nil {
		c.by[key] = &tsdb.DerivedSeries{Labels: ls}
	}
	c.by[key].Samples = append(c.by[key].Samples, tsdb.FloatSample(t, v))
}

// series returns what was collected.
func (c *collected) series() []tsdb.DerivedSeries {
	var all []tsdb.DerivedSeries
	for s := range maps.Values(c.by) {
		all = append(all, *s)
	}
	return all
}

// tooMuch refuses a question that would be read for too long.
func tooMuch(what string, most int) error {
	return invoq.Errorf(invoq.KindUnprocessable,
		"the query reads more than %d %s: ask for less time or for one tenant", most, what)
}

// seriesLabels are the labels of a series; what is empty is none.
func seriesLabels(name string, r postgres.RevisionSeries, meter, currency string) labels.Labels {
	b := labels.NewScratchBuilder(7)
	for _, l := range [][2]string{
		{model.MetricNameLabel, name}, {currencyLabel, currency}, {meterLabel, meter}, {namespaceLabel, r.Namespace},
		{revisionLabel, r.Revision}, {serviceLabel, r.Service}, {ingest.TenantLabel, string(r.Tenant)},
	} {
		if l[1] != "" {
			b.Add(l[0], l[1])
		}
	}
	b.Sort()
	return b.Labels()
}
