package api

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"invoq"
	"invoq/access"
	"invoq/ingest"
)

// orgHeader names a tenant in requests of a key that may write or read for all.
const orgHeader = "X-Scope-OrgID"

// remoteWrite takes a push of samples. The body is read as it is on the wire:
// it is inflated by ingest alone, within its limits.
func (s *Server) remoteWrite(c *fiber.Ctx) error {
	sc, err := s.ingestScope(c)
	if err != nil {
		return err
	}
	body, err := readBody(c, s.Receiver.Limits().WireBytes)
	if err != nil {
		return err
	}
	_, err = s.Receiver.RemoteWrite(c.UserContext(), ingest.Request{
		ContentType:     c.Get(fiber.HeaderContentType),
		ContentEncoding: c.Get(fiber.HeaderContentEncoding),
		Body:            body,
		Scope:           sc,
	})
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// ingestScope says whose samples a request carries: the key's tenant, or, for a
// key that may write for all, the one the header names, or the one each series
// names.
func (s *Server) ingestScope(c *fiber.Ctx) (ingest.Scope, error) {
	id := caller(c)
	if id.Tenant != "" {
		return ingest.Scope{Tenant: id.Tenant}, nil
	}
	named := c.Get(orgHeader)
	if named == "" {
		return ingest.Scope{Resolve: s.Tenancy.Resolve}, nil
	}
	name, err := s.tenants.name(c.UserContext(), named)
	if err != nil {
		return ingest.Scope{}, err
	}
	return ingest.Scope{Tenant: name}, nil
}

// readScope returns whose series the caller sees; empty for all.
func (s *Server) readScope(ctx context.Context, c *fiber.Ctx) (invoq.TenantName, error) {
	id := identity(ctx)
	if id.Role != access.Owner {
		return id.Tenant, nil
	}
	if named := c.Get(orgHeader); named != "" {
		return s.tenants.name(ctx, named)
	}
	return "", nil
}
