package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"invoq/postgres/private"
)

// host makes and drops databases on a server, its own or one that was given.
type host struct {
	admin  *pgx.Conn
	base   url.URL
	server *private.Server // nil when the server was given
	nest   *nest
	// templates holds the databases that are filled, by the template's name.
	templates map[string]string
}

// newHost connects to the server of INVOQ_TEST_DATABASE_URL, or starts one.
func newHost(ctx context.Context) (*host, error) {
	h := &host{templates: map[string]string{}}
	base := os.Getenv("INVOQ_TEST_DATABASE_URL")
	if base == "" {
		if err := h.start(ctx); err != nil {
			return nil, err
		}
		base = h.server.URL()
	}
	err := h.connect(ctx, base)
	if err != nil {
		h.close()
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	return h, nil
}

func (h *host) start(ctx context.Context) error {
	var err error
	if h.nest, err = newNest(memory()); err != nil {
		return err
	}
	h.server, err = private.Start(ctx, private.Config{
		Dir:      filepath.Join(h.nest.dir, "pg"),
		Volatile: true,
	})
	if err != nil {
		h.nest.remove()
	}
	return err
}

func (h *host) connect(ctx context.Context, base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	h.base = *u
	h.admin, err = pgx.Connect(ctx, base)
	return err
}

// close ends what newHost started.
func (h *host) close() {
	ctx := context.Background()
	if h.admin != nil {
		_ = h.admin.Close(ctx)
	}
	if h.server != nil {
		_ = h.server.Stop(ctx) // it errs only when its context ends
		h.nest.remove()
	}
}

// url returns the connection string of one of the server's databases.
func (h *host) url(database string) string {
	u := h.base
	u.Path = "/" + database
	return u.String()
}

// create makes a database, as a clone if there is a template.
func (h *host) create(ctx context.Context, template []Template) (string, error) {
	if len(template) == 0 {
		return h.clone(ctx, "template1")
	}
	if h.server == nil {
		// A given server outlives us, and so would a template on it.
		return h.fill(ctx, template[0])
	}
	source, ok := h.templates[template[0].Name]
	if !ok {
		var err error
		if source, err = h.fill(ctx, template[0]); err != nil {
			return "", err
		}
		h.templates[template[0].Name] = source
	}
	return h.clone(ctx, source)
}

// fill makes a database and lets the template fill it.
func (h *host) fill(ctx context.Context, template Template) (string, error) {
	name, err := h.clone(ctx, "template1")
	if err != nil {
		return "", err
	}
	if err := template.Fill(ctx, h.url(name)); err != nil {
		err = errors.Join(err, h.drop(context.WithoutCancel(ctx), name))
		return "", fmt.Errorf("fill the template %q: %w", template.Name, err)
	}
	return name, nil
}

// clone copies a database that nobody is connected to.
func (h *host) clone(ctx context.Context, source string) (string, error) {
	name := "invoq_test_" + strings.ToLower(rand.Text())
	sql := "CREATE DATABASE " + name + " TEMPLATE " + source
	if _, err := h.admin.Exec(ctx, sql); err != nil {
		return "", fmt.Errorf("make a test database: %w", err)
	}
	return name, nil
}

func (h *host) drop(ctx context.Context, name string) error {
	if _, err := h.admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop the test database: %w", err)
	}
	return nil
}
