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
	procs, _ := filepath.Glob("/proc/[0-9]*") // errs only on a malformed pattern
	var pids []int
	for _, proc := range procs {
		if !worksIn(proc, h) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(proc)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// worksIn reports whether the process under /proc is a server on the home. It
// may end, or be closed to us, at any point.
func worksIn(proc string, h home) bool {
	link := filepath.Join(proc, "cwd")
	cwd, err := os.Readlink(link)
	if err != nil || !strings.HasPrefix(cwd, h.data()) {
		return false
	}
	name, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil || !slices.Contains(programs, strings.TrimSpace(string(name))) {
		return false // somebody's shell may stand in the folder
	}
	// A container has folders of the same path that are not ours.
	there, errThere := os.Stat(link)
	here, errHere := os.Stat(cwd)
	return errThere == nil && errHere == nil && os.SameFile(there, here)
}

// programs are the names that our processes bear.
var programs = []string{"postgres", "initdb"}
