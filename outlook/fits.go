package outlook

import (
	"maps"
	"sync"
	"time"

	"invoq"
	"invoq/forecast"
)

const (
	// fitTime is how long the parameters of a forecast serve before they are fitted
	// anew: a cycle of a day.
	fitTime = day
	// maxFits bounds how many are held, each of some 4 kB; what is beyond is fitted
	// every time.
	maxFits = 50_000
)

// fitKey names one series that is forecast again and again.
type fitKey struct {
	tenant invoq.TenantID
	// only is the service that the question is about; empty: all of the tenant's.
	only    invoq.ServiceID
	service invoq.ServiceID
	horizon string
	meter   invoq.Meter
}

// fit is what a full fit has learned, and when its history ended.
type fit struct {
	state forecast.State
	at    time.Time
}

// fits remembers fits, so that a forecast an hour later costs a small part. They
// are lost with the process, which costs one full fit each. Nil remembers
// nothing.
type fits struct {
	mu  sync.Mutex
	all map[fitKey]fit
}

// forecast forecasts a series that ends at an instant, with the parameters of a
// recent fit if there is one.
func (k *fits) forecast(
	key fitKey, at time.Time, steps int, s forecast.Series,
) (*forecast.Forecast, error) {
	if old, ok := k.find(key, at); ok && old.state.Horizon == steps {
		f, err := forecast.Refresh(s, old.state)
		if invoq.KindOf(err) != invoq.KindConflict {
			return f, err
		}
	}
	f, err := forecast.Run(s, forecast.Options{Horizon: steps})
	if err == nil {
		k.keep(key, fit{state: f.State, at: at})
	}
	return f, err
}

// find returns a fit that still serves.
func (k *fits) find(key fitKey, at time.Time) (fit, bool) {
	if k == nil {
		return fit{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.all[key]
	return f, ok && !at.Before(f.at) && at.Sub(f.at) < fitTime
}

func (k *fits) keep(key fitKey, f fit) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, known := k.all[key]; known || len(k.all) < maxFits {
		k.all[key] = f
	}
}

// forget drops fits that serve no more, such as those of tenants that went.
func (k *fits) forget(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.all, func(_ fitKey, f fit) bool { return now.Sub(f.at) >= 2*fitTime })
}
