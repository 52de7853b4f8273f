// Command waiter is the reference function for tests of metering: the caller
// says how long an invocation takes, how much memory it holds and how much CPU
// it burns, so the bill is known before it is computed.
//
//	/invoke?sleep_ms=&mem_mb=&cpu_spin_ms=
//
// Each parameter is a whole number from 0 to its limit (60000, 512 and 10000)
// and 0 when missing; anything else is answered with 400. The memory is held
// while the invocation spins and then sleeps.
package main
