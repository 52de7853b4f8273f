package api

import (
	"context"
	"net/url"
	"strconv"
	"strings"
)

// asked is what a request says of the answer it wants.
type asked struct {
	accept string
	url    *url.URL
}

// askedKey is under which it travels to the contract's handlers.
type askedKey struct{}

// accepts reports whether the caller prefers a media type to JSON.
func accepts(ctx context.Context, media string) bool {
	a, _ := ctx.Value(askedKey{}).(asked)
	best, bestQuality := "", 0.0
	for part := range strings.SplitSeq(a.accept, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		quality := 1.0
		if _, q, ok := strings.Cut(params, "q="); ok {
			quality, _ = strconv.ParseFloat(strings.TrimSpace(q), 64)
		}
		if name = strings.TrimSpace(
			name,
		); (name == media || name == "application/json" || name == "*/*") &&
			quality > bestQuality {
			best, bestQuality = name, quality
		}
	}
	return best == media
}

// requestURL returns the address that was asked for, for links to other pages of
// the same list.
func requestURL(ctx context.Context) *url.URL {
	a, _ := ctx.Value(askedKey{}).(asked)
	if a.url == nil {
		return &url.URL{}
	}
	return a.url
}
