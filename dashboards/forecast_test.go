package dashboards_test

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"

	"invoq/dashboards"
)

// The page stands alone, shows names as text, and leaves gaps where values are
// missing.
func TestWriteForecast(t *testing.T) {
	const evil = `</script><script>alert(1)</script>`
	var page bytes.Buffer
	err := dashboards.WriteForecast(&page, dashboards.ForecastView{
		Title: "Ahead",
		Charts: []dashboards.ForecastChart{{
			Name: evil, Model: evil, Warnings: []string{evil},
			First: 5, History: []float64{1, math.NaN(), math.Inf(1), 4},
			Mean: []float64{2}, Lo80: []float64{1}, Hi80: []float64{3},
			Lo95: []float64{0}, Hi95: []float64{4},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	html := page.String()
	if strings.Contains(html, evil) {
		t.Error("a name is run as script")
	}
	want := `{"first":5,"history":[1,null,null,4],"mean":[2],"lo80":[1],"hi80":[3],"lo95":[0],"hi95":[4]}`
	if !strings.Contains(html, want) {
		t.Errorf("data of the chart are not %s", want)
	}
	// What follows is the library, whose strings speak of elements too.
	markup, _, _ := strings.Cut(html, `</script>`)
	loads := regexp.MustCompile(`<(script|link|img)[^>]*(src|href)=`).FindString(markup)
	if loads != "" {
		t.Errorf("the page loads something: %s", loads)
	}
	// Three script elements and no more: data, library, ours.
	if n := strings.Count(html, "</script>"); n != 3 {
		t.Errorf("%d script elements end, want 3", n)
	}
}

// A page without a chart says so.
func TestWriteForecastOfNothing(t *testing.T) {
	var page bytes.Buffer
	if err := dashboards.WriteForecast(&page, dashboards.ForecastView{Title: "Ahead"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "There was no series to look ahead from.") {
		t.Error("the page does not say that it is empty")
	}
}
