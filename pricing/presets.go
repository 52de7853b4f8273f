package pricing

import (
	"embed"
	"slices"
	"strings"

	"invoq"
)

// The price lists of public clouds, as the plans' own JSON: one file a preset.
// Each price says in its source where and when it was read, and what could not
// be read at its owner's.
//
//go:embed presets/*.json
var presetFiles embed.FS

// PresetNames returns the names of the presets, sorted.
func PresetNames() []string {
	entries, err := presetFiles.ReadDir("presets")
	if err != nil {
		panic("BUG: embedded presets: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	slices.Sort(names)
	return names
}

// Preset returns a plan with the prices, free units, tiers and rounding rules
// of a public cloud. Prices change: each rate's Source says of when they are.
// An unknown name is an error of KindNotFound.
func Preset(name string) (invoq.Plan, error) {
	if !slices.Contains(PresetNames(), name) {
		return invoq.Plan{}, invoq.Errorf(invoq.KindNotFound, "there is no preset %q; there are %s",
			clip(name), strings.Join(PresetNames(), ", "))
	}
	b, err := presetFiles.ReadFile("presets/" + name + ".json")
	if err != nil {
		panic("BUG: embedded preset " + name + ": " + err.Error())
	}
	plan, err := ParsePlan(b)
	if err != nil {
		panic("BUG: embedded preset " + name + ": " + err.Error())
	}
	return plan, nil
}
