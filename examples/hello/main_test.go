package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHello(t *testing.T) {
	f := func(target string, status int, body string) {
		t.Helper()
		w := httptest.NewRecorder()
		hello(w, httptest.NewRequest("GET", target, nil))
		if w.Code != status || w.Body.String() != body {
			t.Errorf("GET %s = %d %q, want %d %q", target, w.Code, w.Body, status, body)
		}
	}
	f("/", 200, "Hello, World!\n")
	f("/?name=Ada", 200, "Hello, Ada!\n")
	f("/?name="+strings.Repeat("a", 128), 200, "Hello, "+strings.Repeat("a", 128)+"!\n")
	f("/?name="+strings.Repeat("a", 129), 400, "name has more than 128 bytes\n")
}
