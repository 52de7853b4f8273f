package exact

// countPods counts the pods that appeared as cold starts, for profiles that
// have no counter of them.
func (c *computation) countPods() {
	byPods := map[string]bool{}
	for _, p := range c.profiles {
		for _, f := range p.ColdStarts {
			byPods[p.Name] = byPods[p.Name] || f.Pods
		}
	}
	for _, r := range c.fleet.order {
		if r.counts(coldStartsRole, nil) || !r.counts(invocationsRole, byPods) {
			continue
		}
		for _, d := range r.pods {
			if d.bornAt > c.reader.from {
				r.slots[(d.bornAt-1-c.reader.from)/slotMs].coldStarts.add(int64(perCount))
			}
		}
	}
}

// foldLatency turns the pods' cumulative buckets into the revisions' counts.
// It is done pod by pod, since pods may differ in their buckets' bounds.
func (c *computation) foldLatency() {
	for _, r := range c.fleet.order {
		for _, d := range r.pods {
			d.foldLatency(r.slots)
		}
	}
}

// usualPause returns the median pause between two samples of a pod, over all
// pods, in milliseconds.
func (c *computation) usualPause() int64 {
	var all []int64
	for _, r := range c.fleet.order {
		for _, d := range r.pods {
			d.settle()
			all = d.pauses(all)
		}
	}
	return median(all, defaultInterval)
}

// countGaps spreads the pods' unseen stretches over the slots.
func (c *computation) countGaps() {
	from := c.reader.from
	until := min(c.reader.to, max(c.newest, c.req.Until.UnixMilli()))
	usual := c.usualPause()
	for _, r := range c.fleet.order {
		for _, d := range r.pods {
			d.gaps(until, usual, func(begin, end int64) {
				for t := max(begin, from); t < end; {
					i := (t - from) / slotMs
					if i >= int64(len(r.slots)) {
						return
					}
					next := min(end, from+(i+1)*slotMs)
					r.slots[i].gapMs += next - t
					t = next
				}
			})
		}
	}
}
