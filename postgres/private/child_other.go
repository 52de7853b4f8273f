//go:build !linux

package private

import "syscall"

// childAttr puts a child into a process group of its own, so that a Ctrl-C in
// the terminal reaches us alone and the shutdown stays in our order. If we are
// killed, the child stays, and the next start evicts it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
