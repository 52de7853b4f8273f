package postgres

import (
	"github.com/VictoriaMetrics/metrics"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Measure adds what the pool says of its connections to the set.
func (db *DB) Measure(set *metrics.Set) {
	for name, value := range map[string]func(*pgxpool.Stat) float64{
		`invoq_database_connections{state="open"}`: func(s *pgxpool.Stat) float64 {
			return float64(s.TotalConns())
		},
		`invoq_database_connections{state="used"}`: func(s *pgxpool.Stat) float64 {
			return float64(s.AcquiredConns())
		},
		`invoq_database_connections{state="limit"}`: func(s *pgxpool.Stat) float64 {
			return float64(s.MaxConns())
		},
		// Requests that found no connection free, and how long they waited.
		"invoq_database_waits_total": func(s *pgxpool.Stat) float64 {
			return float64(s.EmptyAcquireCount())
		},
		"invoq_database_wait_seconds_total": func(s *pgxpool.Stat) float64 {
			return s.EmptyAcquireWaitTime().Seconds()
		},
	} {
		set.NewGauge(name, func() float64 { return value(db.pool.Stat()) })
	}
}
