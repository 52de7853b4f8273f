package deploy_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type compose struct {
	Services map[string]composeService
	Volumes  map[string]any
	Secrets  map[string]any
}

type composeService struct {
	Image string
	Build *struct {
		Context, Dockerfile, Target string
	}
	Environment map[string]string
	Secrets     []string
	Ports       []string
	Volumes     []string
	Healthcheck *struct{ Test []string }
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
}

func TestComposeImages(t *testing.T) {
	stages := dockerStages(t)
	for name, s := range read[compose](t, "compose.yaml").Services {
		if !pinned.MatchString(s.Image) {
			t.Errorf("image %q of %s is not pinned", s.Image, name)
		}
		if s.Build == nil {
			continue
		}
		if s.Build.Context != ".." || s.Build.Dockerfile != "deploy/Dockerfile" {
			t.Errorf("%s is built from %q by %q", name, s.Build.Context, s.Build.Dockerfile)
		}
		if _, found := stages[s.Build.Target]; !found {
			t.Errorf("%s is stage %q, which the Dockerfile lacks", name, s.Build.Target)
		}
	}
}

// What a service names is there, and what it waits for can be waited for.
func TestComposeIsWhole(t *testing.T) {
	c := read[compose](t, "compose.yaml")
	for name, s := range c.Services {
		for other, on := range s.DependsOn {
			dep, found := c.Services[other]
			if !found || on.Condition != "service_healthy" || dep.Healthcheck == nil {
				t.Errorf("%s waits for %s to be %s, which nobody checks", name, other, on.Condition)
			}
		}
		for _, secret := range s.Secrets {
			if _, found := c.Secrets[secret]; !found {
				t.Errorf("%s wants secret %q, which is not declared", name, secret)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if path, isFile := strings.CutPrefix(source, "./"); isFile {
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s mounts %q: %v", name, path, err)
				}
			} else if _, found := c.Volumes[source]; !found {
				t.Errorf("%s mounts volume %q, which is not declared", name, source)
			}
		}
	}
}

// Nothing is published to other machines: there is no TLS here.
func TestComposeListensOnLoopback(t *testing.T) {
	c := read[compose](t, "compose.yaml")
	var published []string
	for _, s := range c.Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("port %q is open to other machines", port)
			}
			published = append(published, port)
		}
	}
	slices.Sort(published)
	want := []string{"127.0.0.1:8080:8080", "127.0.0.1:8081:8080", "127.0.0.1:9090:9090"}
	if !slices.Equal(published, want) {
		t.Errorf("published are %q, want %q", published, want)
	}
}

// Prometheus reads the key where the file mounts it, and scrapes a service
// that exists, on the port on which it listens.
func TestComposeFitsPrometheus(t *testing.T) {
	c := read[compose](t, "compose.yaml")
	p := read[prometheusConfig](t, "prometheus/prometheus.yml")
	file := p.RemoteWrite[0].Authorization.CredentialsFile
	secret := strings.TrimPrefix(file, "/run/secrets/")
	if !slices.Contains(c.Services["prometheus"].Secrets, secret) {
		t.Errorf("Prometheus reads its key from %q, which is not mounted", file)
	}
	if got := c.Services["invoq"].Environment["INVOQ_OWNER_KEY_FILE"]; got != file {
		t.Errorf("Invoq reads its key from %q, Prometheus from %q", got, file)
	}
	scrapes := read[struct {
		Configs []struct {
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}](t, "prometheus/prometheus.yml")
	for _, config := range scrapes.Configs {
		for _, target := range config.Static[0].Targets {
			host, port, _ := strings.Cut(target, ":")
			if _, found := c.Services[host]; !found || port != "8080" {
				t.Errorf("Prometheus scrapes %q, which is no service of compose.yaml", target)
			}
		}
	}
}

var stageLine = regexp.MustCompile(`^FROM (\S+) AS (\S+)$`)

// dockerStages returns the instructions of each stage of the Dockerfile, one a
// line with single spaces, the first being its FROM.
func dockerStages(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := map[string][]string{}
	stage := ""
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\\\n", " ")) {
		line = strings.Join(strings.Fields(line), " ")
		if m := stageLine.FindStringSubmatch(line); m != nil {
			stage = m[2]
		}
		if stage != "" && line != "" && !strings.HasPrefix(line, "#") {
			stages[stage] = append(stages[stage], line)
		}
	}
	return stages
}

func TestDockerImagesArePinned(t *testing.T) {
	stages := dockerStages(t)
	for name, lines := range stages {
		from := stageLine.FindStringSubmatch(lines[0])[1]
		if _, ours := stages[from]; !ours && from != "scratch" && !pinned.MatchString(from) {
			t.Errorf("stage %s is from %q, which is not pinned", name, from)
		}
	}
	if len(stages) < 3 {
		t.Errorf("stages are %q: the file was not read", slices.Sorted(maps.Keys(stages)))
	}
}

// The image that runs holds nothing to run but Invoq, and that without rights.
func TestDockerImageIsBare(t *testing.T) {
	stages := dockerStages(t)
	f := func(stage, line string) {
		t.Helper()
		if !slices.Contains(stages[stage], line) {
			t.Errorf("stage %s lacks %q:\n%s", stage, line, strings.Join(stages[stage], "\n"))
		}
	}
	f("source", "ENV CGO_ENABLED=0")
	f("build-invoq", "RUN go build -trimpath -ldflags='-s -w' -o /out/invoq ./cmd/invoq")
	f("runtime", "FROM scratch AS runtime")
	f("runtime", "USER 65532:65532")
	f("runtime", "EXPOSE 8080")
	f("runtime", "ENV ZONEINFO=/usr/share/zoneinfo.zip")
	f("runtime", "COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/")
	f("invoq", "FROM runtime AS invoq")
	f("invoq", "ENV INVOQ_LISTEN=:8080 INVOQ_DATA=/data")
	f("invoq", "VOLUME /data")
	f("invoq", `ENTRYPOINT ["/invoq"]`)
	f("invoq", "HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 "+
		`CMD ["/invoq", "health", "--url", "http://127.0.0.1:8080"]`)
	f("function", "FROM runtime AS function")
}
