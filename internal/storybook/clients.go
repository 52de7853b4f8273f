package storybook

import (
	"fmt"
	"strings"

	"invoq"
)

// takeover is the number of 13 Nov 2026, on which a revision took over.
const takeover = 20770

// tenantID makes ids that are the same every time.
func tenantID(n int) invoq.TenantID {
	return invoq.TenantID(fmt.Sprintf("0193a6c0-0000-7000-8000-%012d", n))
}

// planID returns an id that looks like those of the database.
func planID(n int) invoq.PlanID {
	return invoq.PlanID(fmt.Sprintf("0193a6c1-0000-7000-8000-%012d", n))
}

// newClient returns a tenant with functions of its own.
func newClient(n int, name, currency, zone string, functions ...function) *client {
	return &client{functions: functions, Tenant: invoq.Tenant{
		ID: tenantID(n), Name: invoq.TenantName(name), Currency: invoq.Currency(currency), Timezone: zone,
	}}
}

// standard is a plan with the prices of a well-known cloud's functions.
func standard(id int, currency string, change func(*invoq.Plan)) invoq.Plan {
	p := invoq.Plan{
		ID: planID(id), Version: 3, Name: "standard", Currency: invoq.Currency(currency), Active: true,
		Rates: []invoq.Rate{
			{
				Name: "Requests", Meter: invoq.Invocations, FreePerMonth: invoq.MustDecimal("1e6"),
				Price: invoq.MustDecimal("0.20"), Per: invoq.MustDecimal("1e6"),
			},
			{
				Name: "Compute", Meter: invoq.MBMs, FreePerMonth: invoq.MustDecimal("4.096e11"),
				Price: invoq.MustDecimal("0.0000000162760417"), Per: invoq.MustDecimal("1e3"),
			},
			{Name: "Cold starts", Meter: invoq.ColdStarts, Price: invoq.MustDecimal("0.00001")},
		},
	}
	if change != nil {
		change(&p)
	}
	return p
}

// own makes a plan the tenant's own.
func own(tenant int, name string) func(*invoq.Plan) {
	return func(p *invoq.Plan) { p.TenantID, p.Name, p.Version = tenantID(tenant), name, 1 }
}

// alder is the tenant of everyday: several functions, several revisions, a plan.
func alder() *client {
	return newClient(
		1,
		"alder",
		"USD",
		"UTC",
		function{
			namespace: "shop",
			service:   "waiter",
			revision:  "waiter-00001",
			perDay:    2_400_000,
			millis:    48,
			mb:        256,
			until:     takeover,
		},
		function{
			namespace: "shop",
			service:   "waiter",
			revision:  "waiter-00002",
			perDay:    2_650_000,
			millis:    41,
			mb:        256,
			from:      takeover,
		},
		function{
			namespace: "shop",
			service:   "hello",
			revision:  "hello-00003",
			perDay:    910_000,
			millis:    12,
			mb:        128,
		},
		function{
			namespace:  "media",
			service:    "resize",
			revision:   "resize-00007",
			perDay:     64_000,
			millis:     820,
			mb:         1024,
			gapSeconds: 95,
		},
		function{
			namespace: "media",
			service:   "echo",
			revision:  "echo-00001",
			perDay:    18_000,
			millis:    7,
			mb:        64,
		},
	)
}

// many are tenants of all sizes in one currency.
func many(n int) []*client {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"}
	var all []*client
	for i := 2; i < n+2; i++ {
		all = append(all, newClient(
			i,
			fmt.Sprintf("tenant-%03d", i),
			"USD",
			zones[i%len(zones)],
			function{
				service:  "waiter",
				revision: "waiter-00001",
				perDay:   9_000_000 / int64(i),
				millis:   35,
				mb:       256,
			},
			function{
				service:  "hello",
				revision: "hello-00001",
				perDay:   4_000_000 / int64(i),
				millis:   9,
				mb:       128,
			},
		))
	}
	return all
}

// groves are a handful of tenants as an owner has them.
func groves() []*client {
	return []*client{
		alder(),
		newClient(
			2,
			"birch",
			"USD",
			"Europe/Berlin",
			function{
				namespace: "api",
				service:   "checkout",
				revision:  "checkout-00012",
				perDay:    1_300_000,
				millis:    62,
				mb:        256,
			},
			function{
				namespace: "api",
				service:   "search",
				revision:  "search-00004",
				perDay:    740_000,
				millis:    118,
				mb:        512,
			},
		),
		newClient(
			3,
			"cedar",
			"USD",
			"America/New_York",
			function{
				service:  "transcode",
				revision: "transcode-00002",
				perDay:   21_000,
				millis:   4200,
				mb:       2048,
				assumed:  120,
			},
		),
		newClient(4, "elm", "USD", "Asia/Kathmandu",
			function{service: "hooks", revision: "hooks-00009", perDay: 880_000, millis: 22, mb: 128}),
		newClient(5, "hazel", "USD", "UTC",
			function{service: "report", revision: "report-00001", perDay: 2_900, millis: 1900, mb: 512}),
		newClient(6, "juniper", "USD", "Asia/Tokyo",
			function{service: "mailer", revision: "mailer-00002", perDay: 96_000, millis: 130, mb: 128}),
		newClient(7, "linden", "USD", "UTC"),
		newClient(8, "willow", "USD", "UTC",
			function{service: "thumbs", revision: "thumbs-00001", perDay: 5_200, millis: 90, mb: 256}),
	}
}

// currencies are tenants that are billed in four of them, one without a plan
// in its own.
func currencies() *shop {
	s := &shop{clients: append(groves()[:4],
		newClient(21, "quince", "EUR", "Europe/Berlin",
			function{service: "sync", revision: "sync-00003", perDay: 1_900_000, millis: 55, mb: 256}),
		newClient(22, "rowan", "EUR", "Europe/Paris",
			function{service: "feed", revision: "feed-00001", perDay: 640_000, millis: 80, mb: 256}),
		newClient(23, "sorbus", "RUB", "Europe/Moscow",
			function{service: "orders", revision: "orders-00005", perDay: 1_200_000, millis: 61, mb: 256}),
		newClient(24, "yew", "JPY", "Asia/Tokyo",
			function{service: "billing", revision: "billing-00001", perDay: 300_000, millis: 45, mb: 256}),
	)}
	s.plans = []invoq.Plan{
		standard(1, "USD", nil),
		standard(2, "EUR", own(21, "euro")),
		standard(3, "EUR", own(22, "euro")),
		standard(4, "RUB", func(p *invoq.Plan) {
			own(23, "rubles")(p)
			p.Rates[0].Price = invoq.MustDecimal("18.5")
			p.Rates[1].Price = invoq.MustDecimal("0.0000015")
		}),
	}
	return s
}

// hostile has names that are out for more than naming.
func hostile() *shop {
	names := []string{
		`</script><script>alert(1)</script>`,
		`__f__alert(1)__f__`,
		`__f____f__f__alert(2)__f__`,
		`"><img src=x onerror=alert(3)>`,
		`{{.Viewer}} ${alert(4)} {a|b}`,
		"خدمة الدفع 123",
		"invoice\u202efdp.exe",
		strings.Repeat("long-", 60) + "name",
		strings.Repeat("W", 300),
		"two\nlines",
	}
	var functions []function
	for i, name := range names {
		functions = append(functions, function{
			namespace: "ns-" + name,
			service:   name,
			revision:  name + "-00001",
			perDay:    900_000 / int64(i+1),
			millis:    40,
			mb:        256,
		})
	}
	s := &shop{plans: []invoq.Plan{standard(1, "USD", func(p *invoq.Plan) {
		p.Name = `<b onmouseover=alert(5)>plan</b>`
		p.Rates[0].Name = `</td><script>alert(6)</script>`
	})}}
	for i, name := range []string{
		`</script><script>alert(7)</script>`, `__f__alert(8)__f__`, `" autofocus onfocus="alert(9)`,
		"مستأجر تجريبي", strings.Repeat("M", 128), `a'b"c&d<e>f`, "12 others",
	} {
		s.clients = append(s.clients, newClient(31+i, name, "USD", "UTC", functions[:len(functions)-i]...))
	}
	return s
}

// released has one service of very many revisions.
func released() *client {
	var functions []function
	for i := range 40 {
		functions = append(functions, function{
			service:  "waiter",
			revision: fmt.Sprintf("waiter-%05d", i+1),
			perDay:   int64(2000 * (i%13 + 1)),
			millis:   60,
			mb:       256,
		})
	}
	return newClient(41, "oak", "USD", "UTC", functions...)
}
