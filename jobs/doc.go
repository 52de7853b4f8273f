// Package jobs runs what must happen by itself, on time and once: it schedules
// periodic jobs on aligned slots through River, whose queue is in Postgres, so
// of several servers one leads and none does a slot twice.
//
// A job may also be enqueued between its slots, in the transaction that causes it
// (Runner.Soon): then it begins at once, and if the server dies before, its next
// slot finds what there is to do.
//
// It owns when, not what: the work is a function handed in. The slot is passed
// down; nothing below asks for the time again. A job that fails is tried again
// by River; a slot missed while no server ran is not made up for, since every
// job here counts from where the last success left off.
package jobs
