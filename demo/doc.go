// Package demo replays a recorded serverless trace against a running server,
// over its real HTTP endpoint, as the fleet of pods that would have served it.
//
// What is recorded: how often each function was invoked in each minute, the
// distribution of its durations, the memory of its application. What is
// composed: which pod served which invocation, when pods came and went, and
// every day beyond the recorded hours. Nothing else is made up: the trace knows
// no errors and no CPU, so neither does the demo.
//
// Beside it a simulated AI platform tells its users' usage of two months by
// events: drawn from a seed, heavy-tailed, quieter at weekends, rated by a
// catalogue with all models. Its users, tenants, providers and prices are made
// up, and their names say so. What it comes to is computed here a second time
// and held against what the server says.
//
// It owns the replay and what is printed of it. It talks to the server by its
// public API alone.
package demo
