package private

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// processes returns the pids of the postmaster, its backends and of initdb that
// work in the home, whoever started them. All have the cluster for their working
// folder, finished or not. Zombies have none any more and do not count.
func processes(h home) []int {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // errs only on a malformed pattern
	var pids []int
	for _, link := range links {
		if cwd, err := os.Readlink(link); err != nil || !strings.HasPrefix(cwd, h.data()) {
			continue // ended meanwhile, closed to us, or another's
		}
		proc := filepath.Dir(link)
		name, err := os.ReadFile(filepath.Join(proc, "comm"))
		if err != nil || !slices.Contains(programs, strings.TrimSpace(string(name))) {
			continue // somebody's shell may stand in the folder
		}
		if pid, err := strconv.Atoi(filepath.Base(proc)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// programs are the names that our processes bear.
var programs = []string{"postgres", "initdb"}
