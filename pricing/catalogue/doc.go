// Package catalogue knows what resources cost the owner and how users are
// charged for them: for each provider, service and resource the cost of a unit
// from a date on, and the model by which the charge follows from it.
//
// It is pure: it reads catalogues from CSV and JSON that somebody else has
// opened, and computes charges. Where versions are kept is not its business,
// nor are the plans of functions.
package catalogue
