package benchingest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// readyTime bounds the start of a server.
const readyTime = time.Minute

// program is a server that is compared.
type program struct {
	name, path, version string
	protocols           []protocol
	// args start it on an address and an empty folder.
	args func(address, dir string) ([]string, error)
	// ready, write and stored are paths: of what answers 200 once it takes
	// requests, of remote write, and of what makes stored samples seen, if that
	// has to be asked for.
	ready, write, stored string
	// queries are parameters of every query.
	queries url.Values
	// kept is the folder of samples within its data folder.
	kept string
	// header adds what requests need, once it runs on the folder.
	header func(h http.Header, dir string) error
}

// invoqProgram is Invoq as `serve` runs it by default, with the owner's key.
func invoqProgram(path string) program {
	return program{
		name: "invoq", path: path, version: "of this tree",
		protocols: []protocol{rw1, rw2},
		ready:     "/readyz", write: "/api/v1/write", kept: "tsdb",
		args: func(address, dir string) ([]string, error) {
			return []string{"serve", "--data", dir, "--listen", address, "--log-level", "warn"}, nil
		},
		header: func(h http.Header, dir string) error {
			key, err := os.ReadFile(filepath.Join(dir, "owner.key"))
			if err != nil {
				return fmt.Errorf("read the owner's key: %w", err)
			}
			h.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
			return nil
		},
	}
}

// prometheusProgram is a stock Prometheus that scrapes nothing.
func prometheusProgram(path string) program {
	p := program{
		name: "prometheus", path: path, version: versionOf(path, "--version"),
		protocols: []protocol{rw1},
		ready:     "/-/ready", write: "/api/v1/write", kept: "data",
		args: func(address, dir string) ([]string, error) {
			config := filepath.Join(dir, "prometheus.yml")
			if err := os.WriteFile(config, []byte("global: {}\n"), 0o644); err != nil {
				return nil, fmt.Errorf("write configuration: %w", err)
			}
			return []string{
				"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
				"--web.listen-address=" + address, "--web.enable-remote-write-receiver",
				"--log.level=warn",
			}, nil
		},
	}
	if strings.HasPrefix(p.version, "3.") {
		p.protocols = append(p.protocols, rw2)
	}
	return p
}

// victoriaProgram is a single-node VictoriaMetrics. It speaks 1.0 alone.
func victoriaProgram(path string) program {
	return program{
		name: "victoria", path: path, version: versionOf(path, "-version"),
		protocols: []protocol{rw1},
		ready:     "/health", write: "/api/v1/write", kept: "data",
		stored:  "/internal/force_flush",
		queries: url.Values{"nocache": {"1"}},
		args: func(address, dir string) ([]string, error) {
			return []string{
				"-storageDataPath=" + filepath.Join(dir, "data"), "-httpListenAddr=" + address,
				"-loggerLevel=WARN", "-search.latencyOffset=0s",
			}, nil
		},
	}
}

// versionNumber is a version in what a program says of itself.
var versionNumber = regexp.MustCompile(`(?:^|\s)v?(\d+\.\d+[.\d]*)`)

// versionOf asks a program for its version.
func versionOf(path, flag string) string {
	out, err := exec.Command(path, flag).CombinedOutput()
	if m := versionNumber.FindStringSubmatch(string(out)); err == nil && m != nil {
		return m[1]
	}
	return "that tells no version"
}

// server is a program that runs on a folder of its own.
type server struct {
	program
	*process
	dir, url string
	header   http.Header
}

// start runs the program on a new folder and waits until it takes requests.
func (p program) start(ctx context.Context) (s *server, err error) {
	dir, err := os.MkdirTemp("", "benchingest-")
	if err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	s = &server{program: p, dir: dir, header: http.Header{}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", p.name, err)
			s.remove(ctx)
		}
	}()
	// Invoq's private database drops root's rights and must reach its folder.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args, err := p.args(address, dir)
	if err != nil {
		return nil, err
	}
	if s.process, err = startProcess(p.path, args...); err != nil {
		return nil, err
	}
	s.url = "http://" + address
	if err := s.awaitReady(ctx); err != nil {
		return nil, err
	}
	if p.header != nil {
		return s, p.header(s.header, dir)
	}
	return s, nil
}

// awaitReady asks until the server is ready.
func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		status, _, err := s.do(ctx, http.MethodGet, s.ready, nil, nil)
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("ended with %w:\n%s", err, s.log.String())
		case <-ctx.Done():
			return fmt.Errorf("is not ready:\n%s", s.log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// remove ends what still runs, at once, and deletes the folder.
func (s *server) remove(ctx context.Context) {
	if s.process != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
		defer cancel()
		if err := s.stop(stopping); err != nil {
			s.cmd.Process.Kill() // It may have ended long since.
		}
	}
	os.RemoveAll(s.dir)
}

// freeAddress returns an address on which nobody listens now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
