// Package ledger is the book: the append-only, provable record of every usage
// and of what it cost. Money is only ever computed from its entries.
//
//	events ─▶ Book.Post ─▶ keys (once, for ever) ─▶ entries, rated ─▶ leaves of the tree
//	                                                                      │ root
//	             verify ◀── heads.txt, outside the database ◀── signed head
//
// An entry is one quantity of one meter of one user with its real and billed
// cost. Entries have positions from 0 without gaps; the entry at position n is
// leaf n of a Merkle tree as RFC 6962 has it, hashed from the entry's own
// fields. What one transaction appends is a batch, stored with its hashes and
// its root.
//
// A head is the size and the root of the book at a time, signed with Ed25519.
// Heads are appended to a file outside the database, so that whoever can
// rewrite the database cannot make it agree with what was signed before.
//
// Invariants:
//   - A request of a tenant is posted once, however often and in whatever
//     company it comes. The same request id with other content is refused, and
//     the refusal is kept.
//   - Entries never change. A correction is an entry that names the request it
//     corrects; its quantity is the difference.
//   - A function is counted from metrics or from events at any time, never from
//     both. Windows of events are what their entries add up to: they are stored
//     with them or not at all.
//   - Usage without a cost or a price is in the book all the same, and says so:
//     what is not known is not 0.
//   - Costs have all their digits here; money is rounded on bills.
//
// The package owns the form of entries, the tree, heads and verification. It
// does not own where they are stored (it declares Store and Source, which
// package postgres implements), nor what things cost (it declares Rater).
package ledger
