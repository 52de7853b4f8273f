package exact

import "slices"

// unseenFactor is how much longer than usual a pause between two samples must
// be to count as missed scrapes.
const unseenFactor = 1.5

// lostAfter is after how many intervals of silence a pod is taken to be gone.
const lostAfter = 2.5

// defaultInterval is assumed where nothing was ever sampled twice.
const defaultInterval = 15_000 // milliseconds

// fewPauses is below how many pauses a pod's own median says little, so that
// the fleet's is used.
const fewPauses = 3

// settle sorts the pod's sample times and drops the repeated.
func (d *pod) settle() {
	slices.Sort(d.times)
	d.times = slices.Compact(d.times)
}

// pauses appends the pauses between the pod's samples, which are settled.
func (d *pod) pauses(to []int64) []int64 {
	for i := 1; i < len(d.times); i++ {
		to = append(to, d.times[i]-d.times[i-1])
	}
	return to
}

// gaps reports the stretches [from, to) in milliseconds that no scrape of the
// pod saw: what lies more than one interval behind a sample when the next came
// late, and the tail between a pod's last sample and its end, which is unknown
// when no stale marker tells it and then counts as one interval. Usual is the
// fleet's interval.
//
// The growth across a pause is counted in full when the process lived through
// it; its place in time, and what a process did before it died, are unknown.
func (d *pod) gaps(until, usual int64, report func(from, to int64)) {
	if len(d.times) == 0 {
		return
	}
	interval := usual
	if own := d.pauses(nil); len(own) >= fewPauses {
		interval = median(own, usual)
	}
	for i := 1; i < len(d.times); i++ {
		if pause := d.times[i] - d.times[i-1]; float64(pause) > unseenFactor*float64(interval) {
			report(d.times[i-1]+interval, d.times[i])
		}
	}
	last := d.times[len(d.times)-1]
	switch {
	case d.stale > last:
		report(last, min(d.stale, last+interval))
	case float64(until-last) > lostAfter*float64(interval):
		report(last, last+interval)
	}
}

// median returns the lower median, or otherwise when there is nothing.
func median(all []int64, otherwise int64) int64 {
	if len(all) == 0 {
		return otherwise
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
