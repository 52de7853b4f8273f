package api

import (
	"context"

	"invoq"
	"invoq/access"
)

// ListKeys answers with a page of keys.
func (s *Server) ListKeys(ctx context.Context, r ListKeysRequestObject) (ListKeysResponseObject, error) {
	page, err := pageOf(r.Params.LimitParam, r.Params.AfterParam)
	if err != nil {
		return nil, err
	}
	all, err := s.DB.ListKeys(ctx, scope(ctx), page)
	if err != nil {
		return nil, err
	}
	return ListKeys200JSONResponse{
		Items: convert(all, keyJSON),
		Next:  next(all, page, func(k access.Key) string { return string(k.ID) }),
	}, nil
}

// CreateKey mints a key. Nobody makes a key that can do more than their own.
func (s *Server) CreateKey(ctx context.Context, r CreateKeyRequestObject) (CreateKeyResponseObject, error) {
	me := identity(ctx)
	k := access.Key{Name: r.Body.Name, Role: access.Role(r.Body.Role), Expires: deref(r.Body.ExpiresAt)}
	tenant := derefOr(r.Body.TenantID, string(me.TenantID))
	if tenant != "" {
		t, err := s.DB.FindTenant(ctx, scope(ctx), tenant)
		if err != nil {
			return nil, err
		}
		k.TenantID = t.ID
	}
	if err := k.Validate(); err != nil {
		return nil, err
	}
	if me.Role != access.Owner && (k.Role == access.Owner || k.TenantID != me.TenantID) {
		return nil, invoq.Errorf(
			invoq.KindForbidden,
			"a key of role %q makes keys of its own tenant only",
			me.Role,
		)
	}
	if !k.Expires.IsZero() && !k.Expires.After(s.Now()) {
		return nil, invoq.Errorf(invoq.KindUnprocessable, "expires_at lies in the past")
	}
	secret := access.NewSecret()
	k.Prefix, k.Hash = secret.Prefix(), secret.Hash(s.Pepper)
	k, err := s.DB.CreateKey(ctx, scope(ctx), k)
	if err != nil {
		return nil, err
	}
	return CreateKey201JSONResponse{Key: keyJSON(k), Secret: secret.Reveal()}, nil
}

// RevokeKey ends a key.
func (s *Server) RevokeKey(ctx context.Context, r RevokeKeyRequestObject) (RevokeKeyResponseObject, error) {
	k, err := s.DB.RevokeKey(ctx, scope(ctx), access.KeyID(r.Key))
	if err != nil {
		return nil, err
	}
	s.Keyring.Forget(k.Prefix)
	return RevokeKey200JSONResponse(keyJSON(k)), nil
}

// keyJSON gives a key the form of the contract. Neither its secret nor its hash
// has a place in it.
func keyJSON(k access.Key) Key {
	return Key{
		ID: string(
			k.ID,
		),
		Name:      k.Name,
		Role:      KeyRole(k.Role),
		TenantID:  optional(string(k.TenantID)),
		Prefix:    k.Prefix,
		CreatedAt: k.Created,
		ExpiresAt: optional(k.Expires),
		RevokedAt: optional(k.Revoked),
	}
}
