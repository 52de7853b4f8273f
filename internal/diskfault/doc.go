// Package diskfault gives tests disks that fail: small ones in memory that can
// be filled up, and ones on which the power goes out.
//
// They are mounted, which needs root and a Linux kernel; without them a test is
// skipped with the reason.
package diskfault
