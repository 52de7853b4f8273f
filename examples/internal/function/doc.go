// Package function is what the reference functions share: the HTTP server of a
// serverless function and the metrics by which Invoq bills it.
//
// It owns the routes /metrics, /healthz and /readiness, the environment that
// Knative sets (PORT, K_SERVICE, K_REVISION), graceful shutdown, and these
// series, which begin with the function's name and carry the labels service
// and revision:
//
//	NAME_requests_total            finished invocations, failed ones included
//	NAME_request_duration_seconds  histogram of their durations
//	NAME_memory_usage_bytes        memory the process holds now
//	NAME_cpu_seconds_total         user and system CPU time of the process
//	NAME_cold_starts_total         1 once the process served its first invocation
//	NAME_errors_total              invocations that panicked or answered 5xx
//
// beside the standard process_* series. An invocation is counted when its
// response is finished, so a sum of durations never lacks an invocation that
// the count has. Probes, scrapes and unknown paths are not invocations.
//
// What an invocation does is the function's own business. A function imports
// nothing of Invoq: it could be anybody's.
package function
