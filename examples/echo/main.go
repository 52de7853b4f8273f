package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"invoq/examples/internal/function"
)

// maxBodyBytes bounds what one invocation holds in memory.
const maxBodyBytes = 1 << 20

func main() {
	os.Exit(function.Main(function.Function{Name: "echo", Route: "/", Invoke: echo}))
}

// echo answers with the request's body. It reads all of it first, so that a
// body that is too long is refused and not cut off.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		http.Error(w, fmt.Sprintf("body has more than %d bytes", maxBodyBytes),
			http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil { // The client left or sent a broken body: its fault.
		http.Error(w, "body cannot be read", http.StatusBadRequest)
		return
	}
	// Never the sender's content type: what is echoed must not run in a browser.
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // A client that left hears nothing.
}
