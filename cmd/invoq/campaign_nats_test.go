package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"

	"invoq/internal/campaign"
)

// natsCommand is the name under which the test binary is a NATS server, told
// what to be by a natsNode in JSON.
const natsCommand = "invoq-test-nats"

// natsNode is one server of NATS.
type natsNode struct {
	Name          string
	Port, Cluster int
	Dir           string
	Routes        []string // those of the cluster; none for a server alone
}

// natsMain runs a server until it is killed.
func natsMain() {
	var n natsNode
	if err := json.Unmarshal([]byte(os.Args[1]), &n); err != nil {
		panic(err)
	}
	o := &natsd.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: n.Port, JetStream: true, StoreDir: n.Dir,
		NoLog: true, NoSigs: true,
	}
	if len(n.Routes) > 0 {
		o.Cluster = natsd.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: n.Cluster}
		o.Routes = natsd.RoutesFromStr(strings.Join(n.Routes, ","))
	}
	s, err := natsd.NewServer(o)
	if err != nil {
		panic(err)
	}
	s.Start()
	s.WaitForShutdown()
}

// natsCluster is some servers of NATS in processes of their own.
type natsCluster struct {
	t     testing.TB
	nodes []natsNode
	cmds  []*exec.Cmd
}

// newNATS starts a cluster of n servers, or one alone.
func newNATS(t testing.TB, n int) *natsCluster {
	t.Helper()
	c := &natsCluster{t: t, cmds: make([]*exec.Cmd, n)}
	ports := freePorts(t, 2*n)
	var routes []string
	for i := range n {
		c.nodes = append(c.nodes, natsNode{
			Name: fmt.Sprint("node-", i), Port: ports[i], Cluster: ports[n+i], Dir: filepath.Join(t.TempDir(), "nats"),
		})
		routes = append(routes, fmt.Sprint("nats://127.0.0.1:", ports[n+i]))
	}
	for i := range c.nodes {
		if n > 1 {
			c.nodes[i].Routes = routes
		}
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.cmds {
			c.kill(i)
		}
	})
	return c
}

// url is the address of the whole cluster.
func (c *natsCluster) url() string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, (&url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", n.Port)}).String())
	}
	return strings.Join(all, ",")
}

// start starts a node and waits until it takes connections.
func (c *natsCluster) start(i int) {
	c.t.Helper()
	config, err := json.Marshal(c.nodes[i])
	if err != nil {
		c.t.Fatal(err)
	}
	c.cmds[i] = exec.CommandContext(context.WithoutCancel(c.t.Context()), natsCommand, string(config))
	c.cmds[i].Stderr = os.Stderr
	if err := c.cmds[i].Start(); err != nil {
		c.t.Fatal(err)
	}
	var dialer net.Dialer
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := dialer.DialContext(c.t.Context(), "tcp", fmt.Sprint("127.0.0.1:", c.nodes[i].Port))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// kill kills a node as a crash would.
func (c *natsCluster) kill(i int) {
	if c.cmds[i] == nil {
		return
	}
	if err := c.cmds[i].Process.Kill(); err != nil {
		c.t.Error(err)
	}
	_ = c.cmds[i].Wait() // It was killed.
	c.cmds[i] = nil
}

// freePorts returns ports of the loopback that nobody listens on.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// Events wait in a NATS outside, whose nodes are killed and started again, and
// so is the server: what was acknowledged is in the book, each once.
// INVOQ_KILLS sets how often.
func TestCampaignOutsideQueue(t *testing.T) {
	campaign.Begin(t)
	kills := campaign.Count(t, "INVOQ_KILLS", 4, 40)
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("nodes=%d", nodes), func(t *testing.T) {
			c := newNATS(t, nodes)
			s := start(t, "--queue-url", c.url(), "--queue-replicas", fmt.Sprint(nodes))
			journal, path := newJournal(t)
			senders := newSenders(journal, 4)
			working, stop := context.WithCancel(t.Context())
			var clients sync.WaitGroup
			for _, x := range senders {
				x.patient = true
				clients.Go(func() { x.run(t, s, working.Done()) })
			}
			rng := rand.New(rand.NewPCG(8, 8))
			for range kills {
				<-time.After(time.Duration(500+rng.IntN(1000)) * time.Millisecond)
				i := rng.IntN(nodes)
				c.kill(i)
				<-time.After(time.Duration(rng.IntN(1000)) * time.Millisecond)
				c.start(i)
			}
			stop()
			clients.Wait()
			s.waitForQueue()
			s.kill() // What is in the book is there without a farewell.
			s.run()
			s.waitForQueue()
			s.stop()
			s.verifyBook()
			s.reckon(path, 20*kills)
		})
	}
}
