// Package cost looks ahead in money: forecasts of usage in; what the period will
// cost, with bounds, and whether and when a budget is crossed out.
//
//	usage so far ───────────────┐
//	forecasts ──sample paths──▶ price each path ──▶ mean, bounds, crossings
//
// Money is not usage times a price: free units, tiers, commitments and minimum
// charges bend it, so the cost of the expected usage is not the expected cost.
// Every sample path is therefore priced whole, with the usage of the period so
// far, by the same code that prices bills (package pricing).
//
// It owns the pricing of paths. It does not own the forecasts (package
// forecast), the rules of prices, or where usage and budgets come from. It is
// pure: no clock, no database, no logger; the same input and seed give the same
// answer.
//
// Sources are taken to be independent of each other, the meters of one source to
// rise and fall together: more calls of a function are more of its memory, too.
//
// Errors are those of package pricing, and KindUnprocessable for input without
// sense; none is about poor forecasts, whose warnings are passed on.
package cost
