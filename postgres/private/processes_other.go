//go:build !linux

package private

import (
	"os/exec"
	"strconv"
	"strings"
)

// processes returns the pids of the postmaster, its backends and of initdb that
// work in the home, whoever started them. The first and the last name the
// cluster, finished or not, on their command line; a backend bears the
// cluster's name in its title.
func processes(h home) []int {
	out, err := exec.Command("ps", "-A", "-ww", "-o", "pid=,stat=,command=").Output()
	if err != nil {
		return nil // Postgres's own lock file is then the last guard
	}
	postmaster := " -D " + h.data()
	backend := "postgres: " + h.clusterName() + ": "
	var pids []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[1], "Z") {
			continue // a zombie is gone but for its parent's wait
		}
		if !strings.Contains(line, postmaster) && !strings.Contains(line, backend) {
			continue
		}
		if pid, err := strconv.Atoi(fields[0]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
