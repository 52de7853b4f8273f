// Package demo replays a recorded serverless trace against a running server,
// over its real HTTP endpoint, as the fleet of pods that would have served it.
//
// What is recorded: how often each function was invoked in each minute, the
// distribution of its durations, the memory of its application. What is
// composed: which pod served which invocation, when pods came and went, and
// every day beyond the recorded hours. Nothing else is made up: the trace knows
// no errors and no CPU, so neither does the demo.
//
// It owns the replay and what is printed of it. It talks to the server by its
// public API alone.
package demo
