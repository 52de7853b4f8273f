package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"invoq/postgres/private"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"invoq": main, natsCommand: natsMain})
}

// server is `invoq serve` in a process of its own, which a test may kill.
type server struct {
	t    testing.TB
	data string
	args []string
	cmd  *exec.Cmd
	// ended is the process's last word, once.
	ended chan error
	log   *syncBuffer
	url   string
	key   string
}

// start runs a server over a new data folder until the test ends.
func start(t testing.TB, args ...string) *server {
	t.Helper()
	return startOn(t, func(string) {}, args...)
}

// startOn is start over a data folder that is prepared first: parts of it may be
// disks of their own.
func startOn(t testing.TB, prepare func(data string), args ...string) *server {
	t.Helper()
	data, err := os.MkdirTemp("", "invoq-test-")
	if err != nil {
		t.Fatal(err)
	}
	// The private database drops root's rights and must reach its folder.
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(data); err != nil {
			t.Error(err)
		}
	})
	prepare(data)
	s := &server{t: t, data: data, args: args}
	t.Cleanup(s.stop)
	s.run()
	return s
}

// addressLine is what the server logs once it answers.
var addressLine = regexp.MustCompile(`msg=serving address=(\S+)`)

// run starts the process and waits until it is ready.
func (s *server) run() {
	s.t.Helper()
	args := append([]string{"serve", "--data", s.data, "--listen", "127.0.0.1:0"}, s.args...)
	s.log = &syncBuffer{grown: make(chan struct{}, 1)}
	// testscript.Main runs the command when the binary goes by its name.
	s.cmd = exec.CommandContext(context.WithoutCancel(s.t.Context()), "invoq", args...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(s.cmd, s.ended)
	deadline := time.After(3 * time.Minute) // Many tests may share the machine.
	for {
		if m := addressLine.FindStringSubmatch(s.log.String()); m != nil {
			s.url = m[1]
			break
		}
		select {
		case <-s.log.grown:
		case err := <-s.ended:
			s.cmd = nil
			if strings.Contains(s.log.String(), private.ErrNoBinaries.Error()) && os.Getenv("INVOQ_TEST_REQUIRE") == "" {
				s.t.Skip(private.ErrNoBinaries)
			}
			s.t.Fatalf("the server ended with %v:\n%s", err, s.log)
		case <-deadline:
			s.t.Fatalf("the server does not answer:\n%s", s.log)
		}
	}
	key, err := os.ReadFile(filepath.Join(s.data, "owner.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.key = strings.TrimSpace(string(key))
}

// stop ends the server as a service manager would.
func (s *server) stop() { s.end(syscall.SIGTERM) }

// kill ends the server as a crash would.
func (s *server) kill() { s.end(syscall.SIGKILL) }

func (s *server) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Error(err)
	}
	err := <-s.ended
	if sig == syscall.SIGTERM && err != nil {
		s.t.Errorf("the server ended with %v:\n%s", err, s.log)
	}
	s.cmd = nil
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request with the owner's key; headers are pairs that may replace
// it. It reports false when the server was gone.
func (s *server) do(method, path string, body []byte, headers ...string) (answer, bool) {
	s.t.Helper()
	return s.doIn(s.t.Context(), method, path, body, headers...)
}

// doIn is do for a client that gives up with the context.
func (s *server) doIn(ctx context.Context, method, path string, body []byte, headers ...string) (answer, bool) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, false
	}
	return answer{res.StatusCode, res.Header, b}, true
}

// get decodes the JSON at a path into out.
func (s *server) get(path string, out any) {
	s.t.Helper()
	a, ok := s.do(http.MethodGet, path, nil)
	s.decode(a, ok, http.StatusOK, out)
}

// post sends JSON and decodes the JSON answer into out, unless it is nil.
func (s *server) post(path string, in, out any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	if in == nil {
		body = nil
	}
	a, ok := s.do(http.MethodPost, path, body, "Content-Type", "application/json")
	s.decode(a, ok, 0, out)
}

func (s *server) decode(a answer, ok bool, status int, out any) {
	s.t.Helper()
	if !ok || status != 0 && a.status != status || a.status >= http.StatusMultipleChoices {
		s.t.Fatalf("answer %d: %s\nlog:\n%s", a.status, a.body, s.log)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		s.t.Fatalf("answer is not JSON: %v: %s", err, a.body)
	}
}

// syncBuffer collects what a process writes and says when there is more.
type syncBuffer struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	grown chan struct{}
}

// Write appends to the buffer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.grown <- struct{}{}:
	default: // Somebody will look soon.
	}
	return b.buf.Write(p)
}

// String returns what was written so far.
func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// page is a list as the API answers it.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// window is a row of usage as the API answers it.
type window struct {
	Start       time.Time `json:"window_start"`
	End         time.Time `json:"window_end"`
	TenantID    string    `json:"tenant_id"`
	Service     string    `json:"service"`
	Revision    string    `json:"revision"`
	Invocations json.Number
	DurationMs  string   `json:"duration_ms"`
	MBMs        string   `json:"mb_ms"`
	Errors      string   `json:"errors"`
	P95         *float64 `json:"p95_ms"`
}

// invocations sums the invocations of a tenant's services over the windows.
func (s *server) invocations(tenant, size string) map[string]int64 {
	s.t.Helper()
	sum := map[string]int64{}
	query := fmt.Sprintf("/api/v1/usage?tenant_id=%s&window=%s&limit=1000&start=%s&end=%s", tenant, size,
		time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	for after := ""; ; {
		var p page[window]
		s.get(query+"&after="+after, &p)
		for _, w := range p.Items {
			n, err := w.Invocations.Int64()
			if err != nil {
				s.t.Fatal(err)
			}
			sum[w.Service] += n
		}
		if after = p.Next; after == "" {
			return sum
		}
	}
}

// The link that signs the owner in is for a terminal, and no log has it.
func TestSignInLinkIsNotLogged(t *testing.T) {
	s := start(t)
	if strings.Contains(s.log.String(), "/login/") {
		t.Errorf("the log signs its readers in:\n%s", s.log)
	}
	f := func(name string, w io.Writer, want bool) {
		t.Helper()
		if got := terminal(w) != nil; got != want {
			t.Errorf("%s is a terminal: %t", name, got)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f("a file", file, false)
	f("a buffer", &bytes.Buffer{}, false)
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	defer pty.Close()
	f("a terminal", pty, true)
}
