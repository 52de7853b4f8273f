// Package events takes in what programs tell of single usages: function events,
// resource usage, and CloudEvents that carry either. It takes bytes and returns
// a verdict for each item.
//
//	body ─▶ parse, strictly ─▶ validate ─▶ seen before? ─▶ queue, on disk ─▶ verdict
//
// The items of a body stand for themselves: the good ones are kept whatever the
// others are. An item is refused for an unknown field, a field that is there
// twice, a number written as text, a time out of range: what was meant must not
// be guessed. A body that is no JSON is refused whole.
//
// A request id that was taken before is a duplicate when it says the same, and
// a conflict when it does not. What was taken a moment ago is remembered here,
// what is in the book is asked of it; while the database is away, a repeated
// item is taken once more, and the book sorts it out.
//
// The package owns the forms in which events are told and their limits. It does
// not own where they are kept: it declares Queue and Memory.
package events
