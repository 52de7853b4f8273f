package exact

import (
	"bytes"
	"cmp"
	_ "embed" // profiles.yaml
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v3"

	"invoq"
)

//go:embed profiles.yaml
var builtinProfiles []byte

// Profile maps the series of one kind of emitter to meters.
type Profile struct {
	Name  string `yaml:"name"`
	About string `yaml:"about"`
	// Group joins profiles of one emitter's versions: a service that is counted
	// by one of them is counted by all, each pod by that of its version.
	// Without a group, a profile is its own.
	Group string `yaml:"group"`
	// Service, Revision, Namespace and Pod are labels, the first that is not
	// empty counts.
	Service   []string `yaml:"service"`
	Revision  []string `yaml:"revision"`
	Namespace []string `yaml:"namespace"`
	Pod       []string `yaml:"pod"`
	// Match restricts the profile to series whose labels match, as Family.Match.
	Match map[string]string `yaml:"match"`
	// Auto is false for a profile that counts only services whose source names
	// it; nil means true.
	Auto *bool `yaml:"auto"`
	// Dotted says that the service's label holds name.namespace.
	Dotted bool `yaml:"dotted"`
	// Gateway says that the series come from something in front of the
	// functions: nothing is joined to the pod that they name.
	Gateway bool `yaml:"gateway"`
	// TargetInfo looks for labels that a series lacks on the target_info series
	// of its job and instance.
	TargetInfo bool `yaml:"target_info"`
	// Ignore is an anchored regular expression of metric names never counted.
	Ignore string `yaml:"ignore"`
	// Workers find the pods behind a gateway.
	Workers []Workers `yaml:"workers"`
	// Families by what they measure; within one, the first that a service has.
	Invocations []Family `yaml:"invocations"`
	Duration    []Family `yaml:"duration"`
	Latency     []Family `yaml:"latency"`
	Memory      []Family `yaml:"memory"`
	CPU         []Family `yaml:"cpu"`
	ColdStarts  []Family `yaml:"cold_starts"`
	Errors      []Family `yaml:"errors"`

	ignore *regexp.Regexp
	match  []matcher
}

// Family is a metric family and what of it counts.
type Family struct {
	// Name is the whole metric name, Suffix its end; one of them, or Pods.
	Name   string `yaml:"name"`
	Suffix string `yaml:"suffix"`
	// Unit is s (the default) or ms for times; memory is in bytes.
	Unit string `yaml:"unit"`
	// Match holds an anchored regular expression a label ("a|b": the first of
	// them that is not empty); "!" before it negates.
	Match map[string]string `yaml:"match"`
	// Join says that the series names a pod, not a service.
	Join bool `yaml:"join"`
	// Pods counts pods that appear (cold starts), or the time that they are there
	// (duration), instead of reading a series.
	Pods bool `yaml:"pods"`
	// Native reads native histograms: their count, their sum, or their buckets.
	Native string `yaml:"native"`
	// Rises counts how often a gauge of replicas leaves 0.
	Rises bool `yaml:"rises"`
	// MemoryLabel holds the memory of an invocation in MB (2^20 bytes), for
	// emitters that have no gauge of it.
	MemoryLabel string `yaml:"memory_label"`

	match []matcher
}

// chosenAlone reports whether the profile counts only services whose source
// names it.
func (p *Profile) chosenAlone() bool { return p.Auto != nil && !*p.Auto }

// matcher is one entry of Family.Match, compiled.
type matcher struct {
	labels []string
	re     *regexp.Regexp
	negate bool
}

// Profiles are the profiles in force, the preferred first.
type Profiles []*Profile

// BuiltinProfiles returns the profiles that come with Invoq.
func BuiltinProfiles() Profiles {
	ps, err := ParseProfiles(builtinProfiles)
	if err != nil {
		panic("BUG: built-in profiles: " + err.Error())
	}
	return ps
}

// ParseProfiles reads profiles from YAML. Unknown fields are errors.
func ParseProfiles(b []byte) (Profiles, error) {
	var ps Profiles
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&ps); err != nil {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "read metric profiles: %v", err)
	}
	for _, p := range ps {
		if err := p.compile(); err != nil {
			return nil, invoq.Errorf(invoq.KindUnprocessable, "metric profile %q: %v", p.Name, err)
		}
	}
	return ps, nil
}

// group returns the profile's group.
func (p *Profile) group() string { return cmp.Or(p.Group, p.Name) }

// groupOf returns the group of the profile of that name; a profile that is gone
// is a group by itself.
func (ps Profiles) groupOf(name string) string {
	for _, p := range ps {
		if p.Name == name {
			return p.group()
		}
	}
	return name
}

// compile checks the profile and prepares its expressions.
func (p *Profile) compile() error {
	if p.Name == "" || strings.Contains(p.Name, "/") {
		return errors.New("the name must not be empty or hold a slash")
	}
	if len(p.Service) == 0 || len(p.Pod) == 0 || len(p.Invocations) == 0 {
		return errors.New("service, pod and invocations are needed")
	}
	re, err := regexp.Compile("^(?:" + p.Ignore + ")$")
	if err != nil {
		return fmt.Errorf("ignore: %w", err)
	}
	p.ignore = re
	if p.match, err = compileMatchers(p.Match); err != nil {
		return err
	}
	for _, w := range p.Workers {
		if w.Name == "" || w.Service == "" || !p.Gateway {
			return errors.New("workers: a gateway's need name and service")
		}
	}
	for _, r := range roles {
		for i := range *r.families(p) {
			if err := (*r.families(p))[i].compile(); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	return nil
}

// compile checks that the family selects series in exactly one way.
func (f *Family) compile() error {
	given := 0
	for _, is := range []bool{f.Name != "", f.Suffix != "", f.Pods} {
		if is {
			given++
		}
	}
	if given != 1 {
		return errors.New("give one of name, suffix and pods")
	}
	switch f.Unit {
	case "", "s", "ms", "bytes":
	default:
		return fmt.Errorf("unit %q is not s, ms or bytes", f.Unit)
	}
	switch f.Native {
	case "", nativeCount, nativeSum, nativeBuckets:
	default:
		return fmt.Errorf("native %q is not count, sum or buckets", f.Native)
	}
	var err error
	f.match, err = compileMatchers(f.Match)
	return err
}

// What Family.Native may read.
const (
	nativeCount   = "count"
	nativeSum     = "sum"
	nativeBuckets = "buckets"
)

// compileMatchers compiles expressions by label name. A name may list
// alternatives, as in "a|b", and an expression that begins with "!" must not
// match.
func compileMatchers(match map[string]string) ([]matcher, error) {
	var all []matcher
	for names, expr := range match {
		m := matcher{labels: strings.Split(names, "|")}
		expr, m.negate = strings.CutPrefix(expr, "!")
		re, err := regexp.Compile("^(?:" + expr + ")$")
		if err != nil {
			return nil, fmt.Errorf("match %q: %w", names, err)
		}
		m.re = re
		all = append(all, m)
	}
	return all, nil
}

// matches reports whether a series with these labels passes all matchers.
func matches(all []matcher, ls labels.Labels) bool {
	for _, m := range all {
		if m.re.MatchString(first(ls, m.labels)) == m.negate {
			return false
		}
	}
	return true
}

// prefixOf returns what stands before the suffix in the metric's name ("" for a
// family known by its whole name), and whether the metric is of the family.
func (f *Family) prefixOf(metric string) (string, bool) {
	if f.Name != "" {
		return "", metric == f.Name
	}
	if f.Suffix == "" {
		return "", false
	}
	prefix, ok := strings.CutSuffix(metric, f.Suffix)
	return prefix, ok && prefix != ""
}

// timeScale returns how many nanoseconds the family's unit of time has.
func (f *Family) timeScale() scale {
	if f.Unit == "ms" {
		return perMillisecond
	}
	return perSecond
}

// first returns the value of the first label that has one.
func first(ls labels.Labels, names []string) string {
	for _, n := range names {
		if v := ls.Get(n); v != "" {
			return v
		}
	}
	return ""
}

// role is what a family is counted as.
type role struct {
	name     string
	families func(*Profile) *[]Family
	// requests is set where two prefixes would count the same requests twice.
	requests bool
}

// roles in the order in which they are computed: memory before the durations
// that are multiplied by it, invocations before what joins their services.
var (
	memoryRole      = role{name: "memory", families: func(p *Profile) *[]Family { return &p.Memory }}
	invocationsRole = role{
		name:     "invocations",
		families: func(p *Profile) *[]Family { return &p.Invocations },
		requests: true,
	}
	durationRole = role{
		name:     "duration",
		families: func(p *Profile) *[]Family { return &p.Duration },
		requests: true,
	}
	latencyRole = role{
		name:     "latency",
		families: func(p *Profile) *[]Family { return &p.Latency },
		requests: true,
	}
	cpuRole        = role{name: "cpu", families: func(p *Profile) *[]Family { return &p.CPU }}
	coldStartsRole = role{name: "cold_starts", families: func(p *Profile) *[]Family { return &p.ColdStarts }}
	errorsRole     = role{name: "errors", families: func(p *Profile) *[]Family { return &p.Errors }}

	roles = []role{
		memoryRole,
		invocationsRole,
		durationRole,
		latencyRole,
		cpuRole,
		coldStartsRole,
		errorsRole,
	}
)

// Billable reports whether a metric of this name feeds a counter of a bill.
func (ps Profiles) Billable(metric string) bool {
	for _, p := range ps {
		for _, r := range roles {
			if r.name == memoryRole.name {
				continue // A gauge; an odd value of it is skipped, not refused.
			}
			for i := range *r.families(p) {
				f := &(*r.families(p))[i]
				if _, ok := f.prefixOf(metric); ok && !p.ignore.MatchString(metric) {
					return true
				}
			}
		}
	}
	return false
}

// counts reports whether the use counts a series with these labels.
func (u use) counts(ls labels.Labels) bool {
	return (u.family.Join || matches(u.profile.match, ls)) && matches(u.family.match, ls)
}

// use is one metric in one role.
type use struct {
	profile *Profile
	family  *Family
	rank    int // of the profile
	choice  int // of the family within the role
	metric  string
	prefix  string
}

// uses returns how the metrics are used in a role, the preferred first: by
// profile, then family, then name.
func (ps Profiles) uses(r role, metrics []string) []use {
	var all []use
	for rank, p := range ps {
		for choice := range *r.families(p) {
			f := &(*r.families(p))[choice]
			for _, m := range metrics {
				if prefix, ok := f.prefixOf(m); ok && !p.ignored(f, m) {
					all = append(all, use{p, f, rank, choice, m, prefix})
				}
			}
		}
	}
	return all
}

// ignored reports whether the profile leaves the metric out. A family that
// gives the whole name means it.
func (p *Profile) ignored(f *Family, metric string) bool {
	return f.Name == "" && p.ignore.MatchString(metric)
}
