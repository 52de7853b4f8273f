package private

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes returns the pids of the postmaster and backends of the cluster in
// the home, whoever started them. They all work in the data folder. Zombies
// have no working folder any more and do not count.
func processes(h home) []int {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // errs only on a malformed pattern
	var pids []int
	for _, link := range links {
		if cwd, err := os.Readlink(link); err != nil || cwd != h.data() {
			continue // ended meanwhile, closed to us, or another's
		}
		proc := filepath.Dir(link)
		name, err := os.ReadFile(filepath.Join(proc, "comm"))
		if err != nil || strings.TrimSpace(string(name)) != "postgres" {
			continue // somebody's shell may stand in the folder
		}
		if pid, err := strconv.Atoi(filepath.Base(proc)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
