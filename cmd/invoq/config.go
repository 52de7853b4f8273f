package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"invoq"
)

// duration is a flag such as 15d, 2h or 1h30m.
type duration time.Duration

// UnmarshalText reads PromQL's form of a duration.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := model.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 30s, 2h or 15d", b)
	}
	*d = duration(v)
	return nil
}

// configFile is a YAML file of flags: keys are flags without their dashes. The
// command line wins over the environment, which wins over the file.
type configFile string

// BeforeResolve has the parser ask the file for flags that are not set.
func (f configFile) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path, ok := ctx.FlagValue(trace.Flag).(configFile)
	if !ok || path == "" {
		return nil
	}
	values, err := readConfig(string(path))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, group := range ctx.Selected().AllFlags(true) {
		for _, flag := range group {
			known[flag.Name] = true
		}
	}
	for key := range values {
		if !known[key] {
			return invoq.Errorf(invoq.KindUnprocessable, "%s: no setting is called %q", path, key)
		}
	}
	ctx.AddResolver(fileResolver(values))
	return nil
}

// readConfig reads the file's settings. An empty file has none.
func readConfig(path string) (map[string]any, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "read configuration: %v", err)
	}
	values := map[string]any{}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "%s is not YAML: %v", path, err)
	}
	return values, nil
}

// fileResolver hands out the file's values.
func fileResolver(values map[string]any) kong.Resolver {
	var f kong.ResolverFunc = func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, env := range flag.Envs {
			if _, set := os.LookupEnv(env); set {
				return nil, nil
			}
		}
		v, ok := values[flag.Name]
		if !ok {
			return nil, nil
		}
		switch v := v.(type) {
		case map[string]any:
			var pairs []string
			for key, value := range v {
				pairs = append(pairs, fmt.Sprintf("%s=%v", key, value))
			}
			return strings.Join(pairs, ";"), nil
		case string, bool:
			return v, nil
		}
		text, err := json.Marshal(v)
		return string(text), err
	}
	return f
}
