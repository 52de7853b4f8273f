package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What is left unread of a refused body is not taken for the next request of its
// connection, which may be shared by many callers of a proxy.
func TestUnreadBodiesAreNoRequests(t *testing.T) {
	r := serve(t)
	f := func(name, head, body string, answers int) {
		t.Helper()
		c, err := net.Dial("tcp", r.host)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(2 * readTimeout)); err != nil {
			t.Fatal(err)
		}
		const next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
		go c.Write([]byte("POST /api/v1/write HTTP/1.1\r\nHost: x\r\n" + head + "\r\n" + body + next))
		in := bufio.NewReader(c)
		for n := range answers {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Errorf("%s: answer %d: %v", name, n, err)
				return
			}
			want := http.StatusUnauthorized
			if n > 0 {
				want = http.StatusOK
			}
			_, err = io.Copy(io.Discard, res.Body)
			if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != want {
				t.Errorf("%s: answer %d is %d: %v", name, n, res.StatusCode, err)
			}
			if res.Close != (answers == 1) {
				t.Errorf("%s: answer %d closes the connection: %t", name, n, res.Close)
			}
		}
		if answers > 1 {
			return
		}
		if b, err := in.ReadByte(); err == nil || errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: after its end the connection says %q: %v", name, b, err)
		}
	}
	// Each body ends as a request would that asks for something.
	smuggled := func(n int) string {
		request := "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
		return strings.Repeat("x", n-len(request)) + request
	}
	of := func(n int) (head, body string) {
		return fmt.Sprintf("Content-Length: %d\r\n", n), smuggled(n)
	}
	for _, n := range []int{1 << 10, 8 << 10, 8<<10 + 60, 20 << 10, unreadBytes} {
		head, body := of(n)
		f(fmt.Sprintf("%d bytes", n), head, body, 2)
	}
	head, body := of(unreadBytes * 3)
	f("a large body", head, body, 1)
	chunk := smuggled(20 << 10)
	f("chunks", "Transfer-Encoding: chunked\r\n",
		fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(chunk), chunk), 1)
}
