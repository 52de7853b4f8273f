package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestScriptsParse(t *testing.T) {
	scripts, err := filepath.Glob("*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("scripts are %q, %v", scripts, err)
	}
	for _, name := range append(scripts, filepath.Join("..", "..", ".ci", "run")) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be executed", name)
		}
		shell := "sh"
		if filepath.Base(name) == "run" {
			shell = "bash"
		}
		if out, err := exec.CommandContext(t.Context(), shell, "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s does not parse: %v\n%s", name, err, out)
		}
	}
}

// On a machine where nothing may be installed, the script names what is
// missing, succeeds, and has called no package manager.
func TestDepsGoesOnWithoutRights(t *testing.T) {
	bin := t.TempDir()
	for _, tool := range []string{"grep", "head", "mktemp", "rm", "sh"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("no %s on this machine: %v", tool, err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	called := filepath.Join(bin, "called")
	fake(t, bin, "apt-get", "echo \"$@\" >>'"+called+"'")
	fake(t, bin, "id", "echo 1000")
	fake(t, bin, "sudo", "exit 1")

	cmd := exec.CommandContext(t.Context(), "sh", "deps.sh")
	cmd.Env = []string{"PATH=" + bin, "TMPDIR=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("deps.sh: %v\n%s", err, out)
	}
	for _, want := range []string{
		"deps: not root, and sudo would ask for a password: nothing is installed\n",
		"deps: prometheus is missing: what needs it does not work, and tests of that skip\n",
		"deps: chromium is missing: what needs it does not work, and tests of that skip\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("deps.sh does not say %q, but:\n%s", want, out)
		}
	}
	if args, err := os.ReadFile(called); err == nil {
		t.Errorf("apt-get was called with %s", args)
	}
}

// The end of the time that a fuzz test has is no failure; everything else is,
// beside it or alone.
func TestFuzzFailsForFailures(t *testing.T) {
	const over = "--- FAIL: FuzzX (20.01s)\n    context deadline exceeded\n"
	const around = "fuzz: elapsed: 20s, execs: 1234 (61/sec), new interesting: 3 (total: 9)\n%sFAIL\nexit status 1\nFAIL\tinvoq\t20.1s\n"
	f := func(said string, status, want int) {
		t.Helper()
		bin := t.TempDir()
		fake(t, bin, "go", "cat <<'EOF'\n"+strings.Replace(around, "%s", said, 1)+"EOF\nexit "+strconv.Itoa(status))
		cmd := exec.CommandContext(t.Context(), "sh", "fuzz.sh", "one", ".", "FuzzX")
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("after %q: %d, want %d\n%s", said, got, want, out)
		}
	}
	f("", 0, 0)
	f("", 1, 1)
	f(over, 1, 0)
	f(over+"    x_test.go:7: what is wrong\n", 1, 1)
	f("--- FAIL: FuzzX (2.01s)\n    x_test.go:7: context deadline exceeded\n", 1, 1)
	f("--- FAIL: FuzzX (2.01s)\n    --- FAIL: FuzzX (0.00s)\n    context deadline exceeded\n", 1, 1)
	f(over+"    Failing input written to testdata/fuzz/FuzzX/1\n", 1, 1)
	f(over+"panic: what is wrong\n", 1, 1)
}

// fake writes an executable script into the folder.
func fake(t *testing.T, dir, name, script string) {
	t.Helper()
	err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755)
	if err != nil {
		t.Fatal(err)
	}
}
