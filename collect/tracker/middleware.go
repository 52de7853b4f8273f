package tracker

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
)

// Middleware counts every request that next serves as one API_REQUEST of the
// user that user names, "" for none: failed ones too, and those whose handler
// panics, which it passes on. A nil user names nobody.
func (t *Tracker) Middleware(next http.Handler, user func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		ended := false
		defer func() {
			if !ended { // The handler panicked; net/http will cut the connection.
				seen.status = http.StatusInternalServerError
			}
			name := ""
			if user != nil {
				name = user(r)
			}
			t.Track(r.Context(), Request(name, r.Method, seen.status))
		}()
		next.ServeHTTP(seen, r)
		ended = true
	})
}

// Request is the usage of one request that was answered with a status.
func Request(user, method string, status int) Usage {
	return Usage{
		User: user, Resource: "API_REQUEST", Quantity: "1",
		Labels: map[string]string{"method": method, "status": strconv.Itoa(status)},
	}
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader notes the first status that is not informational.
func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote && status >= http.StatusOK {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write answers 200 when nothing was said before.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Flush hands on what was written, where that is possible.
func (w *statusWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Hijack hands the connection over, where that is possible: the request is then
// counted as one that switched protocols.
func (w *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && !w.wrote {
		w.status, w.wrote = http.StatusSwitchingProtocols, true
	}
	return conn, buffered, err
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
