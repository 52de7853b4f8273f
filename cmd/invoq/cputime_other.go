//go:build !linux

package main

import "time"

var processStart = time.Now()

// threadSeconds is the time since the process began: where the CPU time of one
// thread cannot be asked for, elapsed time is the nearest to it.
func threadSeconds() float64 { return time.Since(processStart).Seconds() }
