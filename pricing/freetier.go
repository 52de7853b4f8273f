package pricing

import "invoq"

// freeUnits returns how many of the month's units so far the free tier covers.
// It is taken off the month's sum, before any price or tier sees it, so it is
// used once however the month is cut.
func freeUnits(quantity, perMonth invoq.Decimal) invoq.Decimal { return quantity.Min(perMonth) }
