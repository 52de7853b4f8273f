package invoq

import "time"

// ServiceID identifies a service: a lower-case UUID. The zero value is invalid.
type ServiceID string

// RevisionID identifies a revision: a lower-case UUID. The zero value is
// invalid.
type RevisionID string

// DefaultRevision names the revision of a service whose series carry none.
const DefaultRevision = "default"

// ServiceKey identifies a service by what its series say.
type ServiceKey struct {
	Tenant    TenantName
	Namespace string // empty when the series carry none
	Service   string
}

// Service is a function of a tenant.
type Service struct {
	ID            ServiceID
	TenantID      TenantID
	Name          string  // unique in tenant and namespace
	Namespace     string  // empty when the series carry none
	Runtime       string  // go, python, nodejs, …; empty when not known
	MemoryLimitMB Decimal // 2^20 bytes; 0 when not known
	CPULimitCores Decimal // 0 when not known
	Tags          map[string]string
	CreatedAt     time.Time
}

// Validate checks names and limits. Errors are of KindUnprocessable.
func (s Service) Validate() error {
	if err := ValidateName("service name", s.Name); err != nil {
		return err
	}
	if s.Namespace != "" {
		if err := ValidateName("namespace", s.Namespace); err != nil {
			return err
		}
	}
	if s.MemoryLimitMB.Sign() < 0 || s.CPULimitCores.Sign() < 0 {
		return Errorf(KindUnprocessable, "limits of service %q are negative", s.Name)
	}
	return nil
}

// Revision is one version of a service; usage is counted per revision.
type Revision struct {
	ID        RevisionID
	ServiceID ServiceID
	Name      string
	CreatedAt time.Time
}
