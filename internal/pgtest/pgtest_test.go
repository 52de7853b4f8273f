package pgtest

import (
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	b := time.Now()
	URL(t)
	t.Log("first", time.Since(b))
	for range 5 {
		b = time.Now()
		t.Run("x", func(t *testing.T) {
			b := time.Now()
			p := Pool(t)
			t.Log("create", time.Since(b))
			p.Exec(t.Context(), "create table x as select generate_series(1,1000)")
			b = time.Now()
			t.Cleanup(func() {
			})
		})
		t.Log("all", time.Since(b))
	}
}
