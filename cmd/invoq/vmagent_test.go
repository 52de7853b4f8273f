package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A real vmagent scrapes the waiter example and remote-writes into Invoq:
// what is stored is what the waiter counted.
func TestVmagentSends(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a server and a sender for some seconds")
	}
	vmagent := lookPath(t, "vmagent")
	s := start(t)
	waiter := startWaiter(t)
	key := s.newKey(t, "acme", "ingest")
	dir := t.TempDir()
	config := filepath.Join(dir, "scrape.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: functions
    static_configs: [{targets: [%q]}]
`, waiter.address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	waiter.invoke(t, 40)
	background(t, vmagent, nil, "-promscrape.config="+config, "-httpListenAddr="+freeAddress(t),
		"-remoteWrite.tmpDataPath="+filepath.Join(dir, "queue"), "-remoteWrite.flushInterval=500ms",
		"-remoteWrite.url="+s.url+"/api/v1/write", "-remoteWrite.bearerToken="+key)
	for range 3 {
		waiter.invoke(t, 25)
		waitFor(t, func() bool { return s.instant(t, `sum(waiter_requests_total)`) == waiter.counted(t) })
	}
}
