package pgtest

import "testing"

// BenchmarkURL measures what a test pays for its database, made and dropped;
// the server is started before.
func BenchmarkURL(b *testing.B) {
	URL(b)
	for b.Loop() {
		name, err := shared.host.create(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := shared.host.drop(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}
