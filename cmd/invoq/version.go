package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
)

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// version returns the version that was built, as the toolchain knows it.
func version() (invoq, golang string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown"
	}
	return info.Main.Version, info.GoVersion
}

// Run prints the version.
func (v *versionCmd) Run(std stdio) error {
	own, golang := version()
	if v.JSON {
		return json.NewEncoder(std.out).Encode(map[string]string{"version": own, "go": golang})
	}
	fmt.Fprintf(std.out, "invoq %s (%s)\n", own, golang)
	return nil
}
