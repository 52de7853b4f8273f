package exact

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"invoq/ingest"
)

// infoMetric is the series in which OpenTelemetry's resource attributes arrive
// that are no labels of the other series of their target.
const infoMetric = "target_info"

// infoKey tells targets apart.
func infoKey(ls labels.Labels) string {
	return nodeKey(ls.Get(ingest.TenantLabel), ls.Get("job"), ls.Get("instance"))
}

// readInfos learns what target_info says of each target, if any profile asks.
func (c *computation) readInfos() error {
	for _, p := range c.profiles {
		if !p.TargetInfo {
			continue
		}
		c.infos = map[string]labels.Labels{}
		return c.reader.series(c.ctx, infoMetric, func(ls labels.Labels, _ chunkenc.Iterator) error {
			c.infos[infoKey(ls)] = ls.Copy() // It may point into a mapped file.
			return nil
		})
	}
	return nil
}

// informed returns the labels of a series with those that its target_info adds,
// where the profile asks for it and the series does not name its service.
func (c *computation) informed(u use, ls labels.Labels) labels.Labels {
	if !u.profile.TargetInfo || len(c.infos) == 0 || ls.Has(u.profile.Service[0]) {
		return ls
	}
	info, ok := c.infos[infoKey(ls)]
	if !ok {
		return ls
	}
	b := labels.NewBuilder(ls)
	info.Range(func(l labels.Label) {
		if !ls.Has(l.Name) {
			b.Set(l.Name, l.Value)
		}
	})
	return b.Labels()
}
