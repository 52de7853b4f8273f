package invoq

// Scope says whose rows an operation may touch. It comes from a credential, is
// handed down to the database, and is enforced there a second time by row-level
// security. The zero value reaches nothing.
type Scope struct {
	tenant TenantID
	all    bool
}

// Everyone is the scope of the owner and of Invoq's own jobs.
func Everyone() Scope { return Scope{all: true} }

// Only is the scope of one tenant.
func Only(tenant TenantID) Scope { return Scope{tenant: tenant} }

// Tenant returns the only tenant in scope, and false when all or none are.
func (s Scope) Tenant() (TenantID, bool) { return s.tenant, s.tenant != "" }

// Reaches reports whether the tenant is in scope.
func (s Scope) Reaches(tenant TenantID) bool {
	return s.all || s.tenant != "" && s.tenant == tenant
}

// String returns "*" for everyone, else the tenant's id.
func (s Scope) String() string {
	if s.all {
		return "*"
	}
	return string(s.tenant)
}
