package pricingtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"invoq"
)

// sample is one value of a series; absent where the script has _.
type sample struct {
	value  invoq.Decimal
	absent bool
}

// seriesValues reads the values of a series in the notation of PromQL's tests:
// 7, _ (no value), 0+5x3 (0 5 10 15), 20-5x2 (20 15 10) and 7x2 (7 7 7).
func seriesValues(words []string) ([]sample, error) {
	var all []sample
	for _, w := range words {
		some, err := seriesWord(w, maxValues-len(all))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, errors.New("the series has no values")
	}
	return all, nil
}

// seriesWord reads one word of a series: a value, or a value with its growth and
// how often it repeats.
func seriesWord(w string, room int) ([]sample, error) {
	expression, times, repeated := strings.Cut(w, "x")
	count := 0
	if repeated {
		n, err := strconv.Atoi(times)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q: %q is not how often to repeat", w, times)
		}
		count = n
	}
	if count >= room {
		return nil, fmt.Errorf("%q: a series has at most %d values", w, maxValues)
	}
	if expression == "_" {
		return repeat(sample{absent: true}, invoq.Decimal{}, count), nil
	}
	first, growth, err := startAndGrowth(expression)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", w, err)
	}
	return repeat(sample{value: first}, growth, count), nil
}

// startAndGrowth splits 0+5 and 20-5 at the operator, which is neither a sign
// in front nor part of an exponent.
func startAndGrowth(s string) (first, growth invoq.Decimal, err error) {
	for i := 1; i < len(s); i++ {
		if (s[i] != '+' && s[i] != '-') || s[i-1] == 'e' || s[i-1] == 'E' {
			continue
		}
		if growth, err = number(s[i+1:]); err != nil {
			return first, growth, err
		}
		if s[i] == '-' {
			growth = growth.Neg()
		}
		first, err = number(s[:i])
		return first, growth, err
	}
	first, err = number(s)
	return first, growth, err
}

// repeat returns the sample and as many that grow from it.
func repeat(s sample, growth invoq.Decimal, times int) []sample {
	all := make([]sample, 0, times+1)
	for range times + 1 {
		all = append(all, s)
		s.value = s.value.Add(growth)
	}
	return all
}

// labelled splits name{a="x",b="y"} rest into its parts.
func labelled(text string) (name string, labels map[string]string, rest string, err error) {
	end := strings.IndexAny(text, "{ \t")
	if end < 0 {
		return text, nil, "", nil
	}
	name, rest = text[:end], text[end:]
	if rest[0] != '{' {
		return name, nil, strings.TrimSpace(rest), nil
	}
	labels = map[string]string{}
	rest = rest[1:]
	for {
		rest = strings.TrimLeft(rest, " ,")
		if after, ok := strings.CutPrefix(rest, "}"); ok {
			return name, labels, strings.TrimSpace(after), nil
		}
		label, after, ok := strings.Cut(rest, "=")
		quoted, quoteErr := strconv.QuotedPrefix(after)
		if !ok || label == "" || quoteErr != nil {
			return "", nil, "", fmt.Errorf(`labels of %q are not {name="value",…}`, name)
		}
		if _, twice := labels[label]; twice {
			return "", nil, "", fmt.Errorf("label %q of %q stands twice", label, name)
		}
		labels[label], _ = strconv.Unquote(quoted) // QuotedPrefix has checked it.
		rest = after[len(quoted):]
	}
}
