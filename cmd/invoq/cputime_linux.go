package main

import "syscall"

// rusageThread asks for the calling thread alone (getrusage(2), RUSAGE_THREAD).
const rusageThread = 1

// threadSeconds is the CPU time of the calling thread so far, in seconds.
func threadSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
