// Package forecast looks ahead: numbers in; a path, intervals and warnings out.
//
// It owns the models, the choice among them, the intervals around their
// combination, and sample paths from which costs can be priced. It does not own
// time, money or storage: it is pure, with no clock, no database and no logger,
// and the same input gives the same answer. Values are floats in the caller's
// unit; steps are equally spaced and the package never asks how long one is.
//
// One call does the whole work:
//
//	history ─▶ prepare ─▶ models at several past origins ─▶ weights ─▶ path
//	           (gaps,      (each forecasts what is known      │
//	           outliers)    by now: rolling-origin            └─▶ errors ─▶ intervals
//	                        validation)                                    sample paths
//
// Run chooses and fits; Refresh repeats a forecast with the parameters, weights
// and spread of an earlier one, which costs about a twentieth.
//
// # Failure behaviour
//
// Only a request that makes no sense is an error (a horizon below one, a
// negative cycle). Poor data is not: gaps, infinities, constants, one single
// point or none give a finite answer and a warning that says what was missing.
package forecast
