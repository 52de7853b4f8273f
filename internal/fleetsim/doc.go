// Package fleetsim simulates a fleet of function pods that come, go, restart
// and miss scrapes, and knows what they really served: the truth that counting
// is measured against.
//
// It is deterministic: the same Config gives the same fleet. It is used by
// tests and by the demo, which labels what it shows as simulated.
package fleetsim
