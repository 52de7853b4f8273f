// Package private runs the Postgres server that belongs to one invoq: it finds
// the binaries of the machine, makes a cluster on first use, starts it as a
// child process on a Unix socket, watches it, and ends it.
//
// It owns one folder, Config.Dir, and every process that runs on it:
//
//	lock        flock of the invoq that runs the server, with its pid
//	password    of the superuser invoq, 0600, made with the cluster
//	data/       the cluster (PGDATA)
//	data.new*/  a cluster that initdb had not finished; removed at the next start
//	run/        the socket, unless its path is too long: then a folder of
//	            mode 0700 under the temp folder, named after a hash of Dir
//
// It knows no tables and no migrations, takes no backups, and never opens a
// network port. A machine without the binaries, or a cluster of another major
// version, is an error that says what to install.
//
// # States
//
//	 Start: lock → evict an orphan → binaries → account → [initdb, rename]
//	   │
//	   ▼       answers, database exists
//	starting ───────────────────────────▶ running ──Stop──▶ stopping
//	   │  ▲                                  │                  │ SIGINT: 30 s
//	   │  │ evict leftover backends          │ postmaster       │ SIGQUIT: 10 s
//	   │  │                                  ▼ ended            │ SIGKILL
//	   │  └──── 0.1 s, 0.2 s … 5 s ───── fallen ◀─ not ready    ▼
//	   │                                     │               stopped
//	   ▼ the first start                     ▼ 5 quick deaths   (Done, Err nil)
//	 error from Start                      failed (Done, Err)
//
// A death is quick unless the server had been ready for a minute. Done closes
// in stopped and failed, when no process and no goroutine is left.
//
// # What survives
//
// kill -9 of invoq: on Linux the kernel tells the postmaster to shut down; what
// still runs when the next invoq starts is found by its working folder (Linux)
// or its title (elsewhere) and ended first. kill -9 of the postmaster: started
// again, and Postgres replays its log; nothing that was committed is lost.
// kill -9 in initdb: the cluster gets its name only when it is complete. Two
// invoqs on one folder: the second is refused by the lock, which the kernel
// drops with its holder.
//
// Postgres refuses to run as root. Started by root, its processes run as the
// owner of the existing cluster, else the user postgres, else nobody, and only
// data and run belong to that user. Every folder above must let it pass.
package private
