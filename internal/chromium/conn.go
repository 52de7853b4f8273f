package chromium

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// conn speaks the DevTools protocol: JSON messages, each with a zero byte
// behind it. Commands have numbers; answers carry them back; events come
// unasked, for a session.
type conn struct {
	done chan struct{} // closed when the browser has hung up

	writing sync.Mutex // held while a message is written
	out     io.Writer

	mu       sync.Mutex // never held while waiting for the browser
	last     int
	waiting  map[int]chan message
	sessions map[string]func(method string, params json.RawMessage)
}

// message is one message of the DevTools protocol, in either direction.
type message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

var errHungUp = errors.New("the browser has hung up")

// newConn speaks over the two pipes and reads until one closes.
func newConn(out io.Writer, in io.Reader) *conn {
	c := &conn{
		out: out, done: make(chan struct{}), waiting: map[int]chan message{},
		sessions: map[string]func(string, json.RawMessage){},
	}
	go c.read(in)
	return c
}

// read delivers messages until the browser is gone; then nobody waits any more.
func (c *conn) read(in io.Reader) {
	defer close(c.done)
	r := bufio.NewReader(in)
	for {
		b, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(b, []byte{0}), &m) == nil {
			c.deliver(m)
		}
	}
}

// deliver hands a message to who waits for it.
func (c *conn) deliver(m message) {
	c.mu.Lock()
	answer, handle := c.waiting[m.ID], c.sessions[m.SessionID]
	delete(c.waiting, m.ID)
	c.mu.Unlock()
	switch {
	case answer != nil:
		answer <- m
	case handle != nil && m.Method != "":
		handle(m.Method, m.Params)
	}
}

// listen has the session's events handled, one after the other. The handler
// must not wait for an answer.
func (c *conn) listen(session string, handle func(method string, params json.RawMessage)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[session] = handle
}

// send sends a command and returns where its answer will be.
func (c *conn) send(session, method string, params any) (chan message, error) {
	if params == nil {
		params = struct{}{}
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waiting[id] = answer
	c.mu.Unlock()
	b, err := json.Marshal(message{ID: id, SessionID: session, Method: method, Params: raw})
	if err != nil {
		return nil, err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err = c.out.Write(append(b, 0))
	return answer, err
}

// call sends a command and waits for its answer.
func (c *conn) call(ctx context.Context, session, method string, params, result any) error {
	answer, err := c.send(session, method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-c.done:
		return fmt.Errorf("%s: %w", method, errHungUp)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}
