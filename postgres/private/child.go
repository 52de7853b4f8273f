package private

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// step is one way to tell a postmaster to end, and how long it is given.
type step struct {
	signal syscall.Signal
	grace  time.Duration
}

// steps go from gentle to harsh. SIGINT rolls back what is open and writes a
// checkpoint. SIGQUIT drops everything, and the next start replays the log; a
// postmaster kills its backends itself after five seconds of it.
var steps = []step{
	{syscall.SIGINT, 30 * time.Second},
	{syscall.SIGQUIT, 10 * time.Second},
	{syscall.SIGKILL, 10 * time.Second},
}

// maxLogLine bounds a line of the server's log in bytes; the rest is cut off.
const maxLogLine = 16 << 10

// child is a running process whose output is read line by line.
type child struct {
	process *os.Process
	// ended is closed once the process has been reaped; state is set then.
	ended chan struct{}
	state *os.ProcessState
	// words are the last lines it wrote, to be read after drain.
	words lastWords
	// log is the pipe that the child and all its children write to; silent is
	// closed when the last of them has ended, or log was closed.
	log    *os.File
	silent chan struct{}
}

// launch starts the command and passes each line it writes to say, without its
// end and cut to maxLogLine.
func launch(cmd *exec.Cmd, say func(line string)) (*child, error) {
	log, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	c := &child{ended: make(chan struct{}), log: log, silent: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread that made the child for the
		// death of its parent: the thread is held for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		_ = w.Close() // the child's copy is the one that counts
		started <- err
		if err == nil {
			_ = cmd.Wait() // the state says it all
			c.state = cmd.ProcessState
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	c.process = cmd.Process
	go c.listen(say)
	return c, nil
}

// listen never stops reading before the end: a full pipe would stop Postgres.
func (c *child) listen(say func(string)) {
	defer close(c.silent)
	r := bufio.NewReaderSize(c.log, maxLogLine)
	for rest := false; ; {
		line, more, err := r.ReadLine()
		if err != nil {
			return // io.EOF, or drain closed the pipe
		}
		if !rest {
			c.words.add(string(line))
			say(string(line))
		}
		rest = more
	}
}

// drain waits, once the process has ended, for the last words of it and of its
// children, but not for ever. No line is said after it returns.
func (c *child) drain() {
	select {
	case <-c.silent:
	case <-time.After(time.Second):
	}
	_ = c.log.Close() // only read from
	<-c.silent
}

// stop ends the process and returns the signal that did it. When patience is
// done, the step of the moment is cut short.
func (c *child) stop(patience context.Context) syscall.Signal {
	for _, s := range steps {
		_ = c.process.Signal(s.signal) // errs only if it has ended
		select {
		case <-c.ended:
			return s.signal
		case <-patience.Done():
			patience = context.Background()
		case <-time.After(s.grace):
		}
	}
	return syscall.SIGKILL
}
