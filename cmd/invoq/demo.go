package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"invoq"
	"invoq/demo"
	"invoq/outlook"
)

// demoCmd replays a recorded trace, and a simulated platform's usage, into a
// server of its own.
type demoCmd struct {
	Data     string `help:"Folder to keep everything in; without it a temporary one is used and removed." placeholder:"DIR"`
	Listen   string `default:"127.0.0.1:8080" help:"Address to listen on." placeholder:"ADDR"`
	Days     int    `default:"1" help:"How often to play the 8 recorded hours, 1 to 30; above 1 is composed."`
	Users    int    `default:"240" help:"Users of the simulated AI platform, 0 to 1000; 0 leaves it out."`
	Once     bool   `help:"Exit when everything is printed."`
	LogLevel string `default:"warn" enum:"debug,info,warn,error" help:"What the server logs: debug, info, warn or error."`
}

// Help shows how the command is used.
func (d *demoCmd) Help() string {
	return `Starts a server and shows what it makes of two customers of it, then stays up with its pages.

First a recorded serverless trace is replayed over HTTP, counted, billed, and held against the truth.
Then a simulated AI platform tells by events what its users did last month and this one: AI tokens, API
requests, storage, compute, payments, bandwidth. The owner's table says what each user cost and what is
billed for it. The platform is drawn from a fixed seed; its users, providers and prices do not exist.

  invoq demo                       look at the pages, then press Ctrl-C
  invoq demo --once                print the tables and exit
  invoq demo --users 0             the recorded trace alone
  invoq demo --data ./demo-data    keep what was made`
}

// maxDemoDays bounds what a demo composes.
const maxDemoDays = 30

// maxDemoUsers bounds the simulated platform: one answer of margins holds all of
// its users.
const maxDemoUsers = 1000

// Run runs the demo.
func (d *demoCmd) Run(ctx context.Context, std stdio) error {
	if d.Days < 1 || d.Days > maxDemoDays {
		return invoq.Errorf(invoq.KindUnprocessable, "--days %d is not between 1 and %d", d.Days, maxDemoDays)
	}
	if d.Users < 0 || d.Users > maxDemoUsers {
		return invoq.Errorf(invoq.KindUnprocessable, "--users %d is not between 0 and %d", d.Users, maxDemoUsers)
	}
	dir, cleanUp, err := d.dataDir()
	if err != nil {
		return err
	}
	defer cleanUp()
	span := time.Duration(d.Days) * demo.TraceLength
	// The settings of a server in the environment are not for a demo, which must
	// not come near its database.
	serve := &serveCmd{
		Data: dir, Listen: d.Listen, Durability: "fsync", SeriesPerTenant: 5_000_000,
		Retention: duration(span + 30*24*time.Hour),
		// The replay is in the past, all of it within what may come late.
		Lateness: duration(span + 2*time.Hour), DefaultTenant: string(invoq.DefaultTenant),
		DiskFloorMB: 128,
		Predictions: duration(outlook.MinRetention), PredictServices: 5,
		FirstSight: "count", QueueMB: 256, QueueReplicas: 1, BookName: "invoq/demo",
		LogLevel: d.LogLevel, LogFormat: "text",
	}
	h := &house{cfg: serve, log: serve.logger(std.err)}
	h.life.log = h.log
	err = h.open(ctx)
	if err == nil {
		err = d.play(ctx, std, h)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return errors.Join(err, h.life.shutdown(closing))
}

// dataDir returns the folder to use and what removes it, if it is temporary.
func (d *demoCmd) dataDir() (string, func(), error) {
	if d.Data != "" {
		if _, err := os.Stat(filepath.Join(d.Data, ownerKeyFile)); err == nil {
			return "", nil, invoq.Errorf(invoq.KindUnprocessable,
				"%s holds a server's data already; the demo begins with an empty folder", d.Data)
		}
		return d.Data, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "invoq-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	// The private database may run as another user, who must get there.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // Files in it keep their own rights.
		return "", nil, fmt.Errorf("open the temporary folder to the database: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// play replays the trace while the server serves.
func (d *demoCmd) play(ctx context.Context, std stdio, h *house) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- h.serve(serving) }()
	secret, err := readKey(filepath.Join(h.dir, ownerKeyFile))
	if err != nil {
		return err
	}
	address := "http://" + h.listener.Addr().String()
	played := make(chan error, 1)
	go func() {
		played <- demo.Run(serving, demo.Config{
			Client: demo.Client{URL: address, Key: secret.Reveal(), HTTP: http.DefaultClient},
			Days:   d.Days, Users: d.Users, Now: time.Now(), Out: std.out, Progress: std.err,
			Bars: terminal(std.err) != nil,
		})
	}()
	select {
	case err = <-played:
	case err = <-served:
		stop()
		played := <-played
		if ctx.Err() == nil {
			return errors.Join(err, played)
		}
		fmt.Fprintln(std.err, "\ninterrupted")
		return err
	}
	if ctx.Err() != nil {
		fmt.Fprintln(std.err, "\ninterrupted")
		return <-served
	}
	if err != nil || d.Once {
		stop()
		return errors.Join(err, <-served)
	}
	fmt.Fprintf(std.out, "\nLook at it: %s/login/%s\n"+
		"(the link signs in once; afterwards with the key in %s)\nCtrl-C ends the demo.\n",
		address, h.sessions.Ticket(secret.Prefix()), filepath.Join(h.dir, ownerKeyFile))
	return <-served
}
