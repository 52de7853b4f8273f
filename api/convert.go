package api

import (
	"encoding/base64"

	"invoq"
)

// pageOf reads the paging parameters. What is given out as `next` is opaque to
// callers.
func pageOf(limit *int, after *string) (invoq.Page, error) {
	p := invoq.Page{Limit: derefOr(limit, invoq.DefaultPageSize)}
	key, err := base64.RawURLEncoding.DecodeString(deref(after))
	if err != nil || !isText(string(key)) {
		return p, invoq.Errorf(invoq.KindInvalid, "parameter \"after\" is not one that was given out")
	}
	p.After = string(key)
	return p, p.Validate()
}

// next returns the key of the page's last item, or nothing when the page is not
// full and so the last.
func next[T any](items []T, p invoq.Page, key func(T) string) string {
	if len(items) < p.Limit {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(key(items[len(items)-1])))
}

// convert applies f to each item; the result is never nil, so that an empty
// list is [] in JSON.
func convert[T, U any](items []T, f func(T) U) []U {
	out := make([]U, len(items))
	for i, item := range items {
		out[i] = f(item)
	}
	return out
}

// deref returns what an optional field holds, or its zero value.
func deref[T any](p *T) T {
	var zero T
	return derefOr(p, zero)
}

// derefOr returns what an optional field holds, or what stands for its absence.
func derefOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// optional returns a pointer to v, or nil for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
