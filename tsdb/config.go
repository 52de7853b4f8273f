package tsdb

import (
	"time"

	"invoq"
)

// Config says how samples are kept. Start from DefaultConfig.
type Config struct {
	// Dir is the data folder of the TSDB; it is created when missing.
	Dir string
	// Retention is how long raw samples are kept; windows and bills live
	// longer, in Postgres. At least Lateness plus a day.
	Retention time.Duration
	// Lateness is how old a sample may be when it arrives, by the wall clock.
	// Windows close after it.
	Lateness time.Duration
	// Ahead is how far a sample may lie in the future. One sample far ahead
	// would make the TSDB refuse every other tenant's samples as too old.
	Ahead time.Duration
	// SyncInterval 0 syncs before every acknowledgement (group commit); above
	// 0, the disk is synced that often and a power cut may lose as much.
	SyncInterval time.Duration
	// SeriesPerTenant bounds the active series of one tenant.
	SeriesPerTenant int
	// Shards is how many appenders may work at a time, a power of two.
	Shards int
	// Disk says whether there is room for more; nil: nobody watches.
	Disk Disk
	// Billable reports whether a metric feeds a bill, so that NaN and
	// infinite values of it are refused. Nil bills nothing.
	Billable func(metric string) bool
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
	// KeepAll has nothing dropped for its age while the store is open: for who
	// opens it beside its server, whose retention counts.
	KeepAll bool
}

// DefaultConfig keeps 15 days of samples under dir.
func DefaultConfig(dir string) Config {
	return Config{
		Dir:             dir,
		Retention:       15 * 24 * time.Hour,
		Lateness:        2 * time.Hour,
		Ahead:           5 * time.Minute,
		SeriesPerTenant: 1_000_000,
		Shards:          4,
	}
}

// Validate returns an error of KindUnprocessable that names the field.
func (c Config) Validate() error {
	bad := func(format string, args ...any) error {
		return invoq.Errorf(invoq.KindUnprocessable, format, args...)
	}
	switch {
	case c.Dir == "":
		return bad("the TSDB needs a data folder")
	case c.Lateness < time.Minute:
		return bad("lateness %s is less than a minute", c.Lateness)
	case c.Retention < c.Lateness+24*time.Hour:
		return bad("retention %s is less than the lateness %s plus a day", c.Retention, c.Lateness)
	case c.Ahead < 0 || c.SyncInterval < 0:
		return bad("negative durations make no sense")
	case c.SeriesPerTenant < 1:
		return bad("series per tenant must be 1 or more")
	case c.Shards < 1 || c.Shards&(c.Shards-1) != 0:
		return bad("shards must be a power of two")
	}
	return nil
}
