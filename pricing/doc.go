// Package pricing prices usage by plans: plan × usage → bill lines.
//
// It is pure: no clock, no database, no logger, no float in money, and nothing
// depends on the order of a map. Money and quantities are exact decimals from
// end to end; each bill line is rounded once, half up, at the currency's minor
// unit, and the total is the sum of the rounded lines.
//
//	Items ──tally──▶ sums by rate and month ──charge──▶ lines ──round──▶ Statement
//
// Months, days and hours are those of the tenant's zone. A period that is not
// a whole month is priced marginally, so that any split of a month adds up to
// the month exactly; usage from the start of the month (Period.UsageFrom) is
// therefore part of the input.
//
// Running prices a month while it fills: what each item adds to it.
//
// It owns the rules and their presets. It does not own where usage comes from
// (package metering), when bills are run and how they live (package billing),
// or where plans are stored (package postgres).
//
// Bad input is an error of KindUnprocessable that names the field or the item.
// Usage that no rate covers is returned as Unpriced, never billed at 0.
package pricing
