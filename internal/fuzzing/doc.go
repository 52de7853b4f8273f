// Package fuzzing holds decoders to what one execution may cost, in the fuzz
// tests of the packages that have them.
//
// It owns the bounds and how they are measured; what is fuzzed, and what has to
// be true of the result, is the business of each fuzz test. A decoder gets a
// multiple of its input in memory, so that a sender pays for what a request
// costs, and a time within which any input is read or refused.
//
// Measuring disturbs nothing: an execution is measured by two reads of a
// counter and of the clock. Only one that was too dear is repeated, with exact
// numbers and by the time of the processor, and fails where its cheapest run
// still is: neither the fuzzing engine's own memory nor a busy machine makes a
// failure.
package fuzzing
