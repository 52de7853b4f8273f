package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"invoq"
)

// maxAnswerBytes bounds what is read of a server's answer.
const maxAnswerBytes = 64 << 20

// defaultKeyFile is where a command looks for its API key.
const defaultKeyFile = "data/owner.key"

// serverFlags say which server a command talks to, and as whom.
type serverFlags struct {
	URL     string `default:"http://127.0.0.1:8080" env:"INVOQ_URL" help:"Address of the server, ${default} if not given." placeholder:"URL"`
	KeyFile string `default:"data/owner.key" env:"INVOQ_KEY_FILE" help:"File with the API key, ${default} if not given." placeholder:"FILE"`
}

// call sends JSON to the server, nothing if in is nil, and reads its answer
// into out. What the server refuses is an error of the kind it names.
func (f *serverFlags) call(ctx context.Context, method, path string, in, out any) error {
	key, err := os.ReadFile(f.KeyFile)
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "read the API key: %v; name its file with --key-file", err)
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(f.URL, "/")+path, body)
	if err != nil {
		return invoq.Errorf(invoq.KindInvalid, "address %q cannot be read: %v", f.URL, err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w; say where it is with --url", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return refusal(res.Status, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	return nil
}

// refusal reads the problem that a server answers with.
func refusal(status string, answer []byte) error {
	var p struct{ Type, Detail, Error string }
	err := json.Unmarshal(answer, &p)
	if err == nil && p.Error != "" { // The form of the Prometheus API.
		return fmt.Errorf("the server answers %s: %s", status, p.Error)
	}
	if err != nil || p.Detail == "" {
		return fmt.Errorf("the server answers %s", status)
	}
	return invoq.Errorf(invoq.Kind(strings.TrimPrefix(p.Type, "urn:invoq:")), "%s", p.Detail)
}
