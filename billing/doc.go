// Package billing makes bills and keeps what becomes of them: it finds the plans
// of a tenant, gathers the usage of the period, has package pricing rate it,
// stores the draft, issues it, and corrects on later bills what was issued. It
// also says what each entry of the book is billed.
//
// It owns which plan applies, which usage belongs to a period, what is said
// beside a bill when something about it is not certain, and the life of a bill.
// It does not own rates (package pricing) or counting (package tsdb/exact).
//
// The same entries, plan versions and period give the same bill to the last
// digit, whenever it is computed, alone or in a run. Its canonical bytes are
// JSON with the fields in a fixed order (Canonical); their SHA-256 stands on the
// bill.
//
// # Which plan
//
// A period is cut into parts: where the tenant is assigned another plan, and
// where another version of its plan takes effect, both at midnight of the
// tenant's own calendar. Each part is priced by its own version and continues
// the month: usage before it, under whichever plan, has used up free units and
// filled tiers. So moving to an equal plan changes nothing.
//
// # The life of a bill
//
//	draft ──Finalize──▶ final ──Pay──▶ paid
//	  │                   │
//	  └───────Void────────┴──▶ void
//
// A draft is computed again as often as anybody likes. It becomes final when its
// period is closed, so that no sample can come late any more, and only if it is
// still what its usage comes to; in that transaction it takes the next number of
// its series, so that numbers have no gaps. The database refuses every change to
// the content of an issued bill, to whomever asks.
//
// # Corrections
//
// A draft holds the tenant's issued bills of the last three months, and all that
// were re-rated, against what they come to now, and bears the differences as
// lines that name the bill they correct. What issued bills said of it before
// counts as said, so a correction is made once; a bill that became void is owed
// nothing, so its corrections are taken back. Re-rating changes by which versions
// a bill should have been priced, and nothing else: the corrections follow.
//
// # Entries
//
// The book asks a Rater what its entries are billed. It keeps the months of
// tenants filled as the book fills them, and bills each entry what it adds to
// its month; what no rate of a plan covers is billed by the cost catalogue.
// TrueUps posts what an issued bill asks for beside its entries.
//
//	entries ─▶ Rater ─▶ what each adds ──┐
//	                                     ├─ add up to ─▶ the bill's exact amounts
//	issued bill ─▶ TrueUps ─▶ the rest ──┘
//
// # Runs
//
// A run makes the bills of all tenants for a month. Batches of tenants are read,
// priced and stored in parallel, each in one transaction together with the
// record that they are done, by one server that leads. Whoever comes after a
// crash goes on with the rest. A tenant whose bill cannot be made, because it has
// no plan or because the figures contradict each other, is parked with the
// reason; nobody waits for it. Drafts become final one batch after the other in
// the order of tenants' ids, so that a run ends with the same numbers however
// often it was cut short.
package billing
