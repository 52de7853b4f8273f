package main

import (
	"cmp"
	"fmt"
	"net/http"
	"os"

	"invoq/examples/internal/function"
)

// maxNameBytes bounds the name in a greeting.
const maxNameBytes = 128

func main() {
	os.Exit(function.Main(function.Function{Name: "hello", Route: "/", Invoke: hello}))
}

// hello greets whom the query names, or the world.
func hello(w http.ResponseWriter, r *http.Request) {
	name := cmp.Or(r.URL.Query().Get("name"), "World")
	if len(name) > maxNameBytes {
		http.Error(w, fmt.Sprintf("name has more than %d bytes", maxNameBytes),
			http.StatusBadRequest)
		return
	}
	// Plain text that no browser may take for anything else: the name is the
	// caller's.
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	fmt.Fprintf(w, "Hello, %s!\n", name)
}
