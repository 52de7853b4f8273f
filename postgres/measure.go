package postgres

import "github.com/VictoriaMetrics/metrics"

// Measure adds gauges of the connections to the set.
func (db *DB) Measure(set *metrics.Set) {
	for name, value := range map[string]func() float64{
		`invoq_database_connections{state="open"}`:  func() float64 { return float64(db.pool.Stat().TotalConns()) },
		`invoq_database_connections{state="used"}`:  func() float64 { return float64(db.pool.Stat().AcquiredConns()) },
		`invoq_database_connections{state="limit"}`: func() float64 { return float64(db.pool.Stat().MaxConns()) },
		"invoq_database_waits_total":                func() float64 { return float64(db.pool.Stat().EmptyAcquireCount()) },
		"invoq_database_wait_seconds_total":         func() float64 { return db.pool.Stat().AcquireDuration().Seconds() },
	} {
		set.NewGauge(name, value)
	}
}
