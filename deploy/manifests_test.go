package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"invoq/tsdb/exact"
)

// read decodes a YAML file; fields that the type lacks are passed over.
func read[T any](t *testing.T, path string) T {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc T
	if err := yaml.Unmarshal(content, &doc); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return doc
}

// pinned matches an image with a version of two numbers or more: a tag that
// moves with every release is no version.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?$`)

func TestPinned(t *testing.T) {
	f := func(image string, want bool) {
		t.Helper()
		if got := pinned.MatchString(image); got != want {
			t.Errorf("%q is pinned: %t, want %t", image, got, want)
		}
	}
	f("postgres:15.18", true)
	f("prom/prometheus:v3.15.0", true)
	f("postgres", false)
	f("postgres:15", false)
	f("postgres:latest", false)
}

type prometheusConfig struct {
	RemoteWrite []struct {
		URL           string
		Authorization struct {
			CredentialsFile string `yaml:"credentials_file"`
		}
		QueueConfig struct {
			RetryOn429 bool `yaml:"retry_on_http_429"`
		} `yaml:"queue_config"`
		Relabel []struct {
			SourceLabels []string `yaml:"source_labels"`
			Action       string
			Regex        string
		} `yaml:"write_relabel_configs"`
	} `yaml:"remote_write"`
}

func TestRemoteWrite(t *testing.T) {
	c := read[prometheusConfig](t, "prometheus/remote_write.yml")
	if len(c.RemoteWrite) != 1 || len(c.RemoteWrite[0].Relabel) != 2 {
		t.Fatalf("remote_write is %+v, want one with two lists of names", c.RemoteWrite)
	}
	w := c.RemoteWrite[0]
	if w.URL != "http://invoq:8080/api/v1/write" || w.Authorization.CredentialsFile == "" {
		t.Errorf("writes to %q with credentials from %q", w.URL, w.Authorization.CredentialsFile)
	}
	if !w.QueueConfig.RetryOn429 {
		t.Error("samples refused with 429 are dropped")
	}
	for i, action := range []string{"keep", "drop"} {
		rule := w.Relabel[i]
		if diff := cmp.Diff([]string{"__name__"}, rule.SourceLabels); diff != "" || rule.Action != action {
			t.Errorf("rule %d is %+v, want a list of names to %s", i, rule, action)
		}
	}
}

// isRead reports whether a profile, or what finds pods, reads a metric.
func isRead(metric string) bool {
	if metric == "target_info" || metric == "process_start_time_seconds" {
		return true
	}
	for _, p := range exact.BuiltinProfiles() {
		ignored := regexp.MustCompile("^(?:" + p.Ignore + ")$").MatchString(metric)
		for _, f := range families(p) {
			if f.Name != "" && f.Name == metric {
				return true
			}
			if f.Suffix != "" && !ignored && len(metric) > len(f.Suffix) && strings.HasSuffix(metric, f.Suffix) {
				return true
			}
		}
	}
	return false
}

// families returns all families of a profile.
func families(p *exact.Profile) []exact.Family {
	return slices.Concat(p.Invocations, p.Duration, p.Latency, p.Memory, p.CPU, p.ColdStarts, p.Errors)
}

// The lists let through what profiles read, and nothing else.
func TestRemoteWriteKeepList(t *testing.T) {
	c := read[prometheusConfig](t, "prometheus/remote_write.yml")
	rule := func(i int) *regexp.Regexp {
		// Prometheus anchors the expressions of relabelling at both ends.
		return regexp.MustCompile("^(?:" + c.RemoteWrite[0].Relabel[i].Regex + ")$")
	}
	keep, drop := rule(0), rule(1)
	f := func(metric string) {
		t.Helper()
		if got, want := keep.MatchString(metric) && !drop.MatchString(metric), isRead(metric); got != want {
			t.Errorf("%s is sent: %t, read: %t", metric, got, want)
		}
	}
	read := map[string]bool{}
	for _, p := range exact.BuiltinProfiles() {
		for _, family := range families(p) {
			if family.Pods {
				continue
			}
			metric := family.Name
			if metric == "" {
				metric = "waiter" + family.Suffix
			}
			read[metric] = true
			// What is exported beside it, read or not.
			base := metric
			for _, end := range []string{"_total", "_count", "_sum", "_bucket"} {
				base = strings.TrimSuffix(base, end)
			}
			for _, end := range []string{"", "_total", "_count", "_sum", "_bucket", "_created", "_info"} {
				f(base + end)
			}
		}
	}
	for _, metric := range []string{"process_resident_memory_bytes", "process_cpu_seconds_total"} {
		if !read[metric] {
			t.Errorf("no profile reads %s", metric)
		}
	}
	for _, metric := range []string{
		"process_start_time_seconds", "target_info", "up", "go_goroutines", "requests_total",
		"process_virtual_memory_bytes", "node_memory_MemFree_bytes", "container_network_receive_bytes_total",
		"kube_pod_labels", "kube_pod_created", "autoscaler_actual_pods", "kn_revision_pods_count",
		"promhttp_metric_handler_requests_total", "prometheus_http_request_duration_seconds_bucket",
		"rest_client_requests_total", "http_server_request_duration_seconds_sum",
	} {
		f(metric)
	}
}

// What stands alone for those who have a Prometheus is what our own runs with.
func TestRemoteWriteIsTheSameEverywhere(t *testing.T) {
	own := read[map[string]any](t, "prometheus/prometheus.yml")
	alone := read[map[string]any](t, "prometheus/remote_write.yml")
	if diff := cmp.Diff(alone["remote_write"], own["remote_write"]); diff != "" {
		t.Errorf("remote_write (-remote_write.yml +prometheus.yml):\n%s", diff)
	}
}

func TestPrometheusAcceptsItsConfiguration(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("no promtool on this machine: %v", err)
	}
	for _, name := range []string{"prometheus/prometheus.yml", "prometheus/remote_write.yml"} {
		out, err := exec.CommandContext(t.Context(), promtool, "check", "config", name).CombinedOutput()
		if err != nil {
			t.Errorf("promtool check config %s: %v\n%s", name, err, out)
		}
	}
}

func TestKnativeReportsUsage(t *testing.T) {
	c := read[struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
		Data     map[string]string
	}](t, "knative/config-observability.yaml")
	if c.Kind != "ConfigMap" || c.Metadata.Name != "config-observability" ||
		c.Metadata.Namespace != "knative-serving" {
		t.Errorf("patches %s %s/%s", c.Kind, c.Metadata.Namespace, c.Metadata.Name)
	}
	want := map[string]string{
		// From Knative 1.19 on.
		"metrics-protocol":         "prometheus",
		"request-metrics-protocol": "http/protobuf",
		"request-metrics-endpoint": "http://otel-collector.invoq.svc.cluster.local:4318/v1/metrics",
		// Up to Knative 1.18.
		"metrics.backend-destination":                 "prometheus",
		"metrics.request-metrics-backend-destination": "prometheus",
	}
	if diff := cmp.Diff(want, c.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

// What queue-proxies push to adds the key that Invoq asks for.
func TestKnativeCollector(t *testing.T) {
	f, err := os.Open("knative/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var config, service, deployment map[string]any
	dec := yaml.NewDecoder(f)
	for _, doc := range []*map[string]any{&config, &service, &deployment} {
		if err := dec.Decode(doc); err != nil {
			t.Fatal(err)
		}
	}
	var collector struct {
		Exporters struct {
			OTLPHTTP struct {
				Endpoint string `yaml:"metrics_endpoint"`
				Headers  map[string]string
			} `yaml:"otlphttp"`
		}
	}
	text := config["data"].(map[string]any)["config.yaml"].(string)
	if err := yaml.Unmarshal([]byte(text), &collector); err != nil {
		t.Fatal(err)
	}
	to := collector.Exporters.OTLPHTTP
	if !strings.HasSuffix(to.Endpoint, ":8080/api/v1/otlp/v1/metrics") ||
		to.Headers["Authorization"] != "Bearer ${env:INVOQ_KEY}" {
		t.Errorf("passes samples on to %+v", to)
	}
	meta := service["metadata"].(map[string]any)
	port := service["spec"].(map[string]any)["ports"].([]any)[0].(map[string]any)["port"]
	address := fmt.Sprintf("http://%s.%s.svc.cluster.local:%d/v1/metrics", meta["name"], meta["namespace"], port)
	knative, err := os.ReadFile("knative/config-observability.yaml")
	if err != nil || !strings.Contains(string(knative), "request-metrics-endpoint: "+address+"\n") {
		t.Errorf("queue-proxies do not push to %s, %v", address, err)
	}
	out, err := yaml.Marshal(deployment)
	image := regexp.MustCompile(`image: (\S+)`).FindSubmatch(out)
	if err != nil || image == nil || !pinned.Match(image[1]) {
		t.Errorf("the collector runs image %q, %v", image, err)
	}
}

type knativeService struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Template struct {
			Metadata struct {
				Name        string
				Annotations map[string]string
			}
			Spec struct {
				TimeoutSeconds int `yaml:"timeoutSeconds"`
				Containers     []struct {
					Image string
					Ports []struct {
						ContainerPort int `yaml:"containerPort"`
					}
					SecurityContext struct {
						RunAsNonRoot           bool `yaml:"runAsNonRoot"`
						ReadOnlyRootFilesystem bool `yaml:"readOnlyRootFilesystem"`
					} `yaml:"securityContext"`
				}
			}
		}
	}
}

func TestReferenceFunctions(t *testing.T) {
	paths, err := filepath.Glob("../examples/*/service.yaml")
	if err != nil || len(paths) != 3 {
		t.Fatalf("services are %q, %v, want three", paths, err)
	}
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		s := read[knativeService](t, path)
		if s.APIVersion != "serving.knative.dev/v1" || s.Kind != "Service" || s.Metadata.Name != name {
			t.Errorf("%s is %s %s %q", path, s.APIVersion, s.Kind, s.Metadata.Name)
		}
		// A revision with a fixed name cannot be followed by a second one.
		if s.Spec.Template.Metadata.Name != "" {
			t.Errorf("%s fixes the name of its revision", path)
		}
		if s.Spec.Template.Metadata.Annotations["prometheus.io/port"] != "8080" {
			t.Errorf("%s is not scraped on port 8080", path)
		}
		c := s.Spec.Template.Spec.Containers[0]
		if c.Image != "dev.local/invoq-"+name+":0.1.0" || !pinned.MatchString(c.Image) {
			t.Errorf("%s runs image %q", path, c.Image)
		}
		if c.Ports[0].ContainerPort != 8080 {
			t.Errorf("%s listens on %d", path, c.Ports[0].ContainerPort)
		}
		if !c.SecurityContext.RunAsNonRoot || !c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("%s may do more than it needs", path)
		}
	}
}
