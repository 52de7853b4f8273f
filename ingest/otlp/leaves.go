package otlp

import (
	"iter"
	"slices"
)

// leaves returns the errors that an error is joined of, in their order. The
// translation joins each with all before it, a tree as deep as there are errors:
// spelled out, that would cost the square of their number.
func leaves(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		if err == nil {
			return
		}
		for left := []error{err}; len(left) > 0; {
			last := left[len(left)-1]
			left = left[:len(left)-1]
			if joined, ok := last.(interface{ Unwrap() []error }); ok {
				all := slices.Clone(joined.Unwrap())
				slices.Reverse(all)
				left = append(left, all...)
			} else if !yield(last) {
				return
			}
		}
	}
}
