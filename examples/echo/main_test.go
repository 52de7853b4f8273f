package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

func TestEcho(t *testing.T) {
	f := func(body string, status int, want string) {
		t.Helper()
		w := httptest.NewRecorder()
		echo(w, httptest.NewRequest("POST", "/", strings.NewReader(body)))
		if w.Code != status || w.Body.String() != want {
			t.Errorf("POST of %d bytes = %d with %d bytes, want %d with %d",
				len(body), w.Code, w.Body.Len(), status, len(want))
		}
	}
	f("", 200, "")
	f("<script>alert(1)</script>", 200, "<script>alert(1)</script>")
	longest := strings.Repeat("x", maxBodyBytes)
	f(longest, 200, longest)
	f(longest+"x", 413, "body has more than 1048576 bytes\n")
}

func TestEchoOfABrokenBody(t *testing.T) {
	w := httptest.NewRecorder()
	echo(w, httptest.NewRequest("POST", "/", iotest.ErrReader(iotest.ErrTimeout)))
	if w.Code != 400 {
		t.Errorf("a body that breaks off is answered with %d, want 400", w.Code)
	}
}

func TestEchoIsNeverTakenForAPage(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/", strings.NewReader("<html>"))
	r.Header.Set("Content-Type", "text/html")
	echo(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("content type is %q, want application/octet-stream", got)
	}
}
