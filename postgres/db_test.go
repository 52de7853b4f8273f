package postgres_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"invoq"
	"invoq/access"
	"invoq/internal/pgtest"
	"invoq/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t testing.TB) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), pgtest.URL(t, pgtest.Migrated()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

var everyone = invoq.Everyone()

func newTenant(t *testing.T, db *postgres.DB, name string) invoq.Tenant {
	t.Helper()
	tenant, err := db.CreateTenant(t.Context(), everyone, invoq.Tenant{
		Name: invoq.TenantName(name), Currency: "EUR", Timezone: "Europe/Berlin",
	})
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

// wantKind fails unless the error is of the kind.
func wantKind(t *testing.T, err error, want invoq.Kind) {
	t.Helper()
	if got := invoq.KindOf(err); got != want {
		t.Errorf("error is of kind %q, want %q: %v", got, want, err)
	}
}

func TestTenants(t *testing.T) {
	db := open(t)
	acme, zeta := newTenant(t, db, "acme"), newTenant(t, db, "zeta")
	_, err := db.CreateTenant(t.Context(), everyone, acme)
	wantKind(t, err, invoq.KindConflict)

	for _, key := range []string{"acme", string(acme.ID)} {
		got, err := db.FindTenant(t.Context(), everyone, key)
		if diff := cmp.Diff(acme, got); err != nil || diff != "" {
			t.Errorf("find %q: %v\n%s", key, err, diff)
		}
	}
	_, err = db.FindTenant(t.Context(), everyone, "nobody")
	wantKind(t, err, invoq.KindNotFound)
	_, err = db.FindTenant(t.Context(), invoq.Only(acme.ID), "zeta")
	wantKind(t, err, invoq.KindNotFound)
	_, err = db.FindTenant(t.Context(), invoq.Scope{}, "acme")
	wantKind(t, err, invoq.KindNotFound)

	list := func(s invoq.Scope, p invoq.Page) (names []string) {
		ts, err := db.ListTenants(t.Context(), s, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range ts {
			names = append(names, string(x.Name))
		}
		return names
	}
	if diff := cmp.Diff([]string{"acme", "zeta"}, list(everyone, invoq.Page{Limit: 10})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"zeta"}, list(everyone, invoq.Page{Limit: 10, After: "acme"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"zeta"}, list(invoq.Only(zeta.ID), invoq.Page{Limit: 10})); diff != "" {
		t.Error(diff)
	}
	acme.BillingEmail, acme.Timezone = "pay@acme.example", "Asia/Kathmandu"
	got, err := db.UpdateTenant(t.Context(), everyone, acme)
	if err != nil || got.BillingEmail != acme.BillingEmail || got.Timezone != acme.Timezone {
		t.Errorf("updated to %+v: %v", got, err)
	}
	_, err = db.UpdateTenant(t.Context(), invoq.Only(zeta.ID), acme)
	wantKind(t, err, invoq.KindNotFound)
}

func TestKeys(t *testing.T) {
	db := open(t)
	acme, zeta := newTenant(t, db, "acme"), newTenant(t, db, "zeta")
	pepper, err := db.Secret(t.Context(), "pepper")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := db.Secret(t.Context(), "pepper"); err != nil || !cmp.Equal(pepper, again) {
		t.Errorf("the secret changed: %v", err)
	}
	if has, err := db.HasOwnerKey(t.Context()); err != nil || has {
		t.Errorf("an owner key in an empty database: %v", err)
	}
	secret := access.NewSecret()
	key, err := db.CreateKey(t.Context(), invoq.Only(acme.ID), access.Key{
		Name:     "ci",
		Role:     access.Tenant,
		TenantID: acme.ID,
		Prefix:   secret.Prefix(),
		Hash:     secret.Hash(pepper),
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := db.FindKey(t.Context(), secret.Prefix())
	if diff := cmp.Diff(key, found); err != nil || diff != "" || found.Tenant != "acme" {
		t.Errorf("found %+v: %v\n%s", found, err, diff)
	}
	// Nobody makes a key for another tenant, or sees or revokes another's.
	_, err = db.CreateKey(t.Context(), invoq.Only(zeta.ID), access.Key{
		Name: "thief", Role: access.Tenant, TenantID: acme.ID, Prefix: "x", Hash: secret.Hash(pepper),
	})
	if err == nil {
		t.Error("a key for another tenant was made")
	}
	_, err = db.RevokeKey(t.Context(), invoq.Only(zeta.ID), key.ID)
	wantKind(t, err, invoq.KindNotFound)
	if ks, err := db.ListKeys(
		t.Context(),
		invoq.Only(zeta.ID),
		invoq.Page{Limit: 10},
	); err != nil ||
		len(ks) != 0 {
		t.Errorf("another tenant sees %v: %v", ks, err)
	}
	revoked, err := db.RevokeKey(t.Context(), invoq.Only(acme.ID), key.ID)
	if err != nil || revoked.Revoked.IsZero() {
		t.Errorf("revoked %+v: %v", revoked, err)
	}
	wantKind(t, revoked.Live(time.Now()), invoq.KindUnauthenticated)
}

func TestPlans(t *testing.T) {
	db := open(t)
	acme, zeta := newTenant(t, db, "acme"), newTenant(t, db, "zeta")
	price := invoq.MustDecimal("0.0000000000163000000000000001")
	shared, err := db.CreatePlan(t.Context(), everyone, invoq.Plan{
		Name: "standard", Currency: "EUR", Active: true,
		Rates: []invoq.Rate{{Meter: invoq.MBMs, Price: price}},
	}, "owner")
	if err != nil {
		t.Fatal(err)
	}
	own, err := db.CreatePlan(t.Context(), invoq.Only(acme.ID), invoq.Plan{
		Name: "own", Currency: "EUR", Active: true, TenantID: acme.ID,
	}, "acme")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.CreatePlan(
		t.Context(),
		invoq.Only(acme.ID),
		invoq.Plan{Name: "mine for all", Currency: "EUR"},
		"acme",
	)
	if err == nil {
		t.Error("a tenant made a shared plan")
	}
	second, err := db.ChangePlan(t.Context(), everyone, shared.ID, "owner", func(p *invoq.Plan) error {
		p.Name = "standard 2"
		return nil
	})
	if err != nil || second.Version != 2 || second.ID != shared.ID || second.Rates[0].Price.Cmp(price) != 0 {
		t.Errorf("second version %+v: %v", second, err)
	}
	_, err = db.ChangePlan(t.Context(), everyone, shared.ID, "owner", func(p *invoq.Plan) error {
		p.Currency = "USD"
		return nil
	})
	wantKind(t, err, invoq.KindUnprocessable)

	names := func(ps []invoq.Plan, err error) (all []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			all = append(all, p.Name)
		}
		return all
	}
	if diff := cmp.Diff([]string{"own", "standard 2"}, names(db.PlansFor(t.Context(), acme.ID))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"standard 2"}, names(db.PlansFor(t.Context(), zeta.ID))); diff != "" {
		t.Error(diff)
	}
	versions := names(db.PlanVersions(t.Context(), invoq.Only(zeta.ID), shared.ID))
	if diff := cmp.Diff([]string{"standard 2", "standard"}, versions); diff != "" {
		t.Error(diff)
	}
	_, err = db.FindPlan(t.Context(), invoq.Only(zeta.ID), own.ID)
	wantKind(t, err, invoq.KindNotFound)
}
