package demo

import (
	"compress/gzip"
	"embed"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

//go:embed trace/*.csv.gz
var traceFiles embed.FS

// traceMinutes is how many minutes the trace holds.
const traceMinutes = 480

// TraceLength is how long the recorded piece is.
const TraceLength = traceMinutes * time.Minute

// Function is one function of the trace.
type Function struct {
	// Account, App and Name are the hashes of the trace; Trigger is what
	// starts the function: http, timer, queue, …
	Account, App, Name, Trigger string
	// PerMinute are the invocations in each minute.
	PerMinute []int
	// DurationsMs are the percentiles 0, 1, 25, 50, 75, 99 and 100 of its
	// durations; MeanMs is their mean.
	DurationsMs []float64
	MeanMs      float64
	// MemoryMB are the same percentiles of its application's allocated memory,
	// 2^20 bytes; the lowest is that of 1 %, since none lower is recorded.
	MemoryMB []float64
}

// Tenant is the name that the demo gives the function's account.
func (f Function) Tenant() string { return "account-" + f.Account[:6] }

// Service is the name that the demo gives the function.
func (f Function) Service() string { return f.Trigger + "-" + f.Name[:6] }

// Invocations is how often the function was invoked.
func (f Function) Invocations() int {
	sum := 0
	for _, n := range f.PerMinute {
		sum += n
	}
	return sum
}

// Trace reads the recorded trace, by account and function.
func Trace() ([]Function, error) {
	rows, err := readCSV("invocations_per_minute")
	if err != nil {
		return nil, err
	}
	byName := map[string]*Function{}
	var all []*Function
	for _, r := range rows {
		f := &Function{Account: r["HashOwner"], App: r["HashApp"], Name: r["HashFunction"], Trigger: r["Trigger"]}
		for m := range traceMinutes {
			n, err := strconv.Atoi(r[strconv.Itoa(traceMinutes+m)])
			if err != nil {
				return nil, fmt.Errorf("read trace, minute %d of %s: %w", m, f.Name, err)
			}
			f.PerMinute = append(f.PerMinute, n)
		}
		byName[f.Name] = f
		all = append(all, f)
	}
	if err := readDurations(byName); err != nil {
		return nil, err
	}
	if err := readMemory(all); err != nil {
		return nil, err
	}
	out := make([]Function, len(all))
	for i, f := range all {
		out[i] = *f
	}
	slices.SortFunc(out, func(a, b Function) int {
		return slices.Compare([]string{a.Account, a.Name}, []string{b.Account, b.Name})
	})
	return out, nil
}

// readDurations adds what is recorded of each function's durations.
func readDurations(byName map[string]*Function) error {
	rows, err := readCSV("durations_ms")
	if err != nil {
		return err
	}
	for _, r := range rows {
		f := byName[r["HashFunction"]]
		if f == nil {
			continue
		}
		if f.MeanMs, err = strconv.ParseFloat(r["Average"], 64); err != nil {
			return fmt.Errorf("read trace, duration of %s: %w", f.Name, err)
		}
		f.DurationsMs, err = numbers(r, "percentile_Average_", "0", "1", "25", "50", "75", "99", "100")
		if err != nil {
			return err
		}
	}
	return nil
}

// readMemory adds what is recorded of each application's memory to its functions.
func readMemory(all []*Function) error {
	rows, err := readCSV("app_memory_mb")
	if err != nil {
		return err
	}
	byApp := map[[2]string][]float64{}
	for _, r := range rows {
		mb, err := numbers(r, "AverageAllocatedMb_pct", "1", "1", "25", "50", "75", "99", "100")
		if err != nil {
			return err
		}
		byApp[[2]string{r["HashOwner"], r["HashApp"]}] = mb
	}
	for _, f := range all {
		f.MemoryMB = byApp[[2]string{f.Account, f.App}]
		if f.MemoryMB == nil || f.DurationsMs == nil {
			return fmt.Errorf("read trace: nothing is known of %s's durations or memory", f.Name)
		}
	}
	return nil
}

// numbers reads some columns of a row as numbers.
func numbers(row map[string]string, prefix string, columns ...string) ([]float64, error) {
	var all []float64
	for _, c := range columns {
		v, err := strconv.ParseFloat(row[prefix+c], 64)
		if err != nil {
			return nil, fmt.Errorf("read trace, column %s%s: %w", prefix, c, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// readCSV reads an embedded file into a map by column for each row.
func readCSV(name string) ([]map[string]string, error) {
	f, err := traceFiles.Open("trace/" + name + ".csv.gz")
	if err != nil {
		return nil, fmt.Errorf("open trace: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read trace %q: %w", name, err)
	}
	r := csv.NewReader(z)
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read trace %q: %w", name, err)
	}
	var rows []map[string]string
	for {
		record, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read trace %q: %w", name, err)
		}
		row := map[string]string{}
		for i, column := range header {
			row[column] = record[i]
		}
		rows = append(rows, row)
	}
}
