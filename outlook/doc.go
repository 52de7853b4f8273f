// Package outlook looks ahead for a tenant: what it will use and what that will
// cost, and how well past predictions have held.
//
//	windows ──▶ series ──▶ forecast ──▶ forecast/cost ──▶ prediction
//	                          plan and usage so far ──▲        │ hourly
//	accuracy ◀── measured once the period is over ◀── stored ◀─┘
//
// It owns which windows make a series, how far back it looks, what a prediction
// consists of, and the record of predictions from which confidence is read. It
// does not own forecasts (package forecast), their prices (forecast/cost), plans
// and usage (package billing) or storage (package postgres).
//
// # What is predicted
//
// A period of one of the horizons, from the last counted window on. Its cost is
// what a bill of that period would come to: free units and tiers of the month go
// on from what was used before. A service's cost is what its own use adds to
// that, when nobody else uses anything. Usage is forecast for the tenant as a
// whole, unless a rate of the plan selects services: then each by itself. A
// user's usage and cost are those of the entries of the book, and no plan is
// asked.
//
// The month that a page shows is computed once for each counted hour and kept in
// memory.
//
// # Confidence
//
// Confidence is a record, not a property of a model: the share of the stored
// predictions of a horizon, of the tenant or of one of its busiest services, whose
// later cost lay within the 80 % bounds. As long as too few periods are over it is
// unknown, and said to be. Predictions are removed after KeeperConfig.Retention.
//
// # Failure behaviour
//
// Poor history gives wide bounds and warnings. Errors of KindUnprocessable mean
// that no plan prices the tenant or that nothing was counted yet. In the hourly
// run a tenant without a plan is passed over; other errors do not hold up the
// tenants after it, and the run fails at the end so that it is tried again. What
// was stored for the slot stays as it is then.
package outlook
