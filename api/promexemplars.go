package api

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/prometheus/model/exemplar"
)

// promExemplars are the exemplars of one series in the form of the Prometheus
// API.
type promExemplars struct {
	Series    map[string]string `json:"seriesLabels"`
	Exemplars []promExemplar    `json:"exemplars"`
}

type promExemplar struct {
	Labels map[string]string `json:"labels"`
	// Value is a string, since JSON has no infinity.
	Value string  `json:"value"`
	Time  float64 `json:"timestamp"` // seconds since 1970
}

// promQueryExemplars lists the exemplars of the series that a query selects.
func (s *Server) promQueryExemplars(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	start, err := promTime(f, "start", time.Unix(0, 0))
	if err != nil {
		return err
	}
	end, err := promTime(f, "end", s.Now())
	if err != nil {
		return err
	}
	tenant, err := s.readScope(c.UserContext(), c)
	if err != nil {
		return err
	}
	found, err := s.Queries.Exemplars(c.UserContext(), tenant, f.Get("query"), start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return err
	}
	return promAnswer(c, append([]promExemplars{}, convert(found, exemplarsJSON)...))
}

// exemplarsJSON gives a series' exemplars their form.
func exemplarsJSON(r exemplar.QueryResult) promExemplars {
	all := promExemplars{Series: r.SeriesLabels.Map()}
	for _, e := range r.Exemplars {
		all.Exemplars = append(all.Exemplars, promExemplar{
			Labels: e.Labels.Map(), Value: string(appendFloat(nil, e.Value)), Time: float64(e.Ts) / 1000,
		})
	}
	return all
}

// promFormatQuery lays an expression out.
func (s *Server) promFormatQuery(c *fiber.Ctx) error {
	f, err := promForm(c)
	if err != nil {
		return err
	}
	text, err := s.Queries.Format(f.Get("query"))
	if err != nil {
		return err
	}
	return promAnswer(c, text)
}

// promRules lists recording and alerting rules, of which this server has none.
func (*Server) promRules(c *fiber.Ctx) error {
	return promAnswer(c, map[string][]struct{}{"groups": {}})
}

// promAlerts lists alerts that rules have raised; see promRules.
func (*Server) promAlerts(c *fiber.Ctx) error {
	return promAnswer(c, map[string][]struct{}{"alerts": {}})
}
