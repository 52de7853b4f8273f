package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"invoq/pricing"
	"invoq/pricing/pricingtest"
)

// planCmd is about plans as files: nothing here needs a server.
type planCmd struct {
	Test    planTestCmd    `cmd:"" help:"Run scripts that say what usage costs under a plan."`
	Presets planPresetsCmd `cmd:"" help:"List the plans of public clouds, or print one as JSON."`
}

type planTestCmd struct {
	Files  []string `arg:"" name:"file" help:"Scripts; - reads one from the standard input."`
	Update bool     `help:"Write the results into the files anew instead of comparing them."`
}

// Help shows a script and how it is run.
func (c *planTestCmd) Help() string {
	return `A script defines plans, loads usage and prices it:

  plan pro USD
    requests  first 1e6 free  then 0.20 per 1e6
  load 5m from 2026-01-01
    requests{tenant="acme"}  0+5000x400
  price acme 2026-01
    requests  2000000  0.20 USD

What differs is named by file and line, and the exit code is 1.

  invoq plan test pro.test
  invoq plan test --update plans/*.test    # then read the diff`
}

// Run runs every script, also behind one that fails.
func (c *planTestCmd) Run(std stdio) error {
	failed := 0
	for _, name := range c.Files {
		ok, err := c.test(name, std)
		if err != nil {
			return err
		}
		if !ok {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d scripts failed", failed, len(c.Files))
	}
	return nil
}

// test runs one script and says how it went.
func (c *planTestCmd) test(name string, std stdio) (ok bool, err error) {
	src, err := readScript(name, std.in)
	if err != nil {
		return false, err
	}
	report := pricingtest.Check(name, src)
	if c.Update && report.Updated != nil {
		return true, c.write(name, std, src, report.Updated)
	}
	for _, f := range report.Failures {
		fmt.Fprintln(std.err, f)
	}
	if len(report.Failures) > 0 {
		return false, nil
	}
	fmt.Fprintf(std.out, "ok  %s  %d prices\n", name, report.Prices)
	return true, nil
}

// write puts the results where the script came from, if they changed.
func (c *planTestCmd) write(name string, std stdio, src, updated []byte) error {
	if name == "-" {
		_, err := std.out.Write(updated)
		return err
	}
	if bytes.Equal(src, updated) {
		fmt.Fprintf(std.out, "ok       %s\n", name)
		return nil
	}
	if err := os.WriteFile(name, updated, 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	fmt.Fprintf(std.out, "updated  %s\n", name)
	return nil
}

// readScript reads a file, or the standard input, up to what a script may be.
func readScript(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read script: %w", err)
		}
		defer f.Close()
		in = f
	}
	src, err := io.ReadAll(io.LimitReader(in, pricingtest.MaxScriptBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read script %q: %w", name, err)
	}
	return src, nil
}

type planPresetsCmd struct {
	Name string `arg:"" optional:"" help:"The preset to print as JSON."`
}

// Help says what a preset is.
func (c *planPresetsCmd) Help() string {
	return `A preset has the prices, free units, tiers and rounding rules of a public cloud.
Each price says where and when it was read: check it before you rely on it.

  invoq plan presets
  invoq plan presets aws-lambda-x86 > plan.json`
}

// Run lists the presets or prints one.
func (c *planPresetsCmd) Run(std stdio) error {
	if c.Name != "" {
		plan, err := pricing.Preset(c.Name)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		return enc.Encode(plan)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PRESET\tCURRENCY\tREAD\tSOURCE")
	for _, name := range pricing.PresetNames() {
		plan, err := pricing.Preset(name)
		if err != nil {
			return err
		}
		source := plan.Rates[0].Source
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, plan.Currency, source.Read, source.URL)
	}
	return table.Flush()
}
