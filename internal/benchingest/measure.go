package benchingest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
)

// result is what one load on one server came to.
type result struct {
	samples int
	// wall is the time of the load, used and others the CPU time of the server
	// and of the processes it has started, until all was settled.
	wall, used, others time.Duration
	peakMemory, disk   int64
	p99                time.Duration
	queries            []time.Duration // CPU time; nil when they were not asked
}

// perCPUSecond is how many samples the server takes by each second of CPU.
func (r result) perCPUSecond() float64 { return float64(r.samples) / r.used.Seconds() }

// runner measures servers.
type runner struct {
	// settle is how long work that was put off is waited for.
	settle   time.Duration
	progress io.Writer
}

// run starts a program on nothing, loads it, and measures. With ask it is asked
// the queries, too.
func (r *runner) run(
	ctx context.Context, p program, proto protocol, set *requestSet, ask bool,
) (res result, err error) {
	s, err := p.start(ctx)
	if err != nil {
		return res, err
	}
	defer func() { s.remove(ctx) }()
	if res, err = r.load(ctx, s, proto, set); err != nil {
		return res, err
	}
	if err := s.verify(ctx, set); err != nil {
		return res, err
	}
	if ask {
		if res.queries, err = s.timeQueries(ctx, set); err != nil {
			return res, err
		}
	}
	if err := s.stop(ctx); err != nil {
		return res, err
	}
	s.process = nil
	res.disk, err = folderSize(filepath.Join(s.dir, s.kept))
	return res, err
}

// load pushes all requests and reads what that took.
func (r *runner) load(ctx context.Context, s *server, proto protocol, set *requestSet) (result, error) {
	res := result{samples: set.load.samples()}
	before, err := s.usage()
	if err != nil {
		return res, err
	}
	bar := r.bar(set, s.name+" "+proto.String())
	began := time.Now()
	times, err := s.push(ctx, proto, set.streams[proto], func() { bar.Add(1) })
	res.wall = time.Since(began)
	bar.Clear()
	if err != nil {
		return res, fmt.Errorf("%w; it said:\n%s", err, s.log.String())
	}
	time.Sleep(r.settle)
	after, err := s.usage()
	if err != nil {
		return res, err
	}
	res.used, res.others = after.own-before.own, after.others-before.others
	res.p99 = quantile(times, 0.99)
	res.peakMemory, err = s.peakMemory()
	return res, err
}

// bar shows how far a run is.
func (r *runner) bar(set *requestSet, name string) *progressbar.ProgressBar {
	requests := 0
	for _, stream := range set.streams[rw1] {
		requests += len(stream)
	}
	return progressbar.NewOptions(requests, progressbar.OptionSetWriter(r.progress),
		progressbar.OptionSetDescription(fmt.Sprintf("load %s, %s", set.load.name, name)),
		progressbar.OptionSetWidth(30), progressbar.OptionThrottle(200*time.Millisecond))
}

// verify fails unless every sample was stored.
func (s *server) verify(ctx context.Context, set *requestSet) error {
	n, err := s.countStored(ctx, set)
	if err == nil && n != set.load.samples() {
		err = fmt.Errorf("%s has %d samples of %d", s.name, n, set.load.samples())
	}
	return err
}

// median returns the middle value, the upper of two.
func median[T cmp.Ordered](all []T) T { return quantile(all, 0.5) }

// quantile returns the smallest value that the share of all does not exceed;
// the zero value of none.
func quantile[T cmp.Ordered](all []T, share float64) (q T) {
	if len(all) == 0 {
		return q
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
