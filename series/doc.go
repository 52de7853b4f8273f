// Package series gives usage and cost the form of series, so that PromQL reads
// them beside the samples that senders push.
//
// It owns: the names of these series, their labels and times, and the limits of
// reading them. It does not own windows (package metering), prices (package
// billing) or entries (package ledger), and it stores nothing: a series is
// computed from them whenever somebody asks. So it says what they say, also
// after a correction, and there is no second copy to go wrong.
//
//	invoq_usage_…          a sample for each five-minute window, at its end
//	invoq_cost             a sample for each day of the tenant's zone, at its end
//	invoq_ledger_…_cost    a sample for each hour (UTC), at its end
//
// A sample is what the stretch before it added, so that sum_over_time over a
// range adds up all that ended in it: over whole hours the windows of those
// hours, to the last unit that a float64 holds. Nothing is extrapolated.
package series
