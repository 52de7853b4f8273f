package forecast_test

import (
	"fmt"

	"invoq/forecast"
)

// A function that is called five times at the same hour of each day.
func ExampleRun() {
	var calls []float64
	for hour := range 24 * 14 {
		if hour%24 == 9 {
			calls = append(calls, 5)
		} else {
			calls = append(calls, 0)
		}
	}
	f, err := forecast.Run(
		forecast.Series{Values: calls, Period: 24},
		forecast.Options{Horizon: 48},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("at nine:", f.Mean[9], "at ten:", f.Mean[10])
	fmt.Println("in two days:", f.Total(1).Mean)
	// Output:
	// at nine: 5 at ten: 0
	// in two days: 10
}

// An hour later, the same parameters serve: nothing is fitted.
func ExampleRefresh() {
	hours := []float64{}
	for hour := range 24 * 14 {
		hours = append(hours, float64(100+hour%24))
	}
	first, err := forecast.Run(
		forecast.Series{Values: hours, Period: 24}, forecast.Options{Horizon: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	hours = append(hours, 100)
	next, err := forecast.Refresh(forecast.Series{Values: hours, Period: 24}, first.State)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.0f, then %.0f\n", first.Mean, next.Mean)
	// Output: [100 101], then [101 102]
}
