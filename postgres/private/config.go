package private

import "log/slog"

// The superuser, the database of the application, and the number in the name
// of the socket. No port is opened.
const (
	superuser  = "invoq"
	database   = "invoq"
	socketPort = "5432"
)

// Config says where a private server lives. Only Dir is needed.
type Config struct {
	// Dir is the folder the server owns; it is made when missing. The cluster
	// itself is Dir/data.
	Dir string
	// BinDir holds the binaries postgres and initdb. Empty means: look in PATH
	// and where distributions put them.
	BinDir string
	// Logger receives what the server says: warnings and errors as warn, the
	// rest as debug. Nil discards.
	Logger *slog.Logger
	// Volatile trades durability for speed: what was committed survives kill -9
	// but not power loss. For tests only; false is right everywhere else.
	Volatile bool
}

// settings returns the server's settings, which stand on its command line and
// so win over postgresql.conf: they are right after an upgrade of invoq too.
func settings(h home, socketDir string, volatile bool) []string {
	s := []string{
		"listen_addresses=", // the socket only
		"port=" + socketPort,
		`unix_socket_directories="` + socketDir + `"`,
		"cluster_name=" + h.clusterName(),
		"TimeZone=UTC",
		"log_timezone=UTC",

		"max_connections=50",
		"shared_buffers=128MB",
		"wal_compression=on",
		"jit=off", // its warm-up costs more than our queries

		// The reply to COMMIT waits for the log to be written, in every mode.
		"synchronous_commit=on",

		"logging_collector=off",
		"log_destination=stderr",
		"log_line_prefix=",
		// Details and statements hold values of tenants: not for the log.
		"log_error_verbosity=terse",
		"log_min_error_statement=panic",
	}
	if volatile {
		// A small log, because the cluster may be in memory.
		return append(s, "fsync=off", "full_page_writes=off", "max_wal_size=128MB")
	}
	return append(s, "fsync=on", "full_page_writes=on")
}
