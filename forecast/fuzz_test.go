package forecast

import (
	"encoding/binary"
	"math"
	"testing"

	"invoq"
)

// Whatever the numbers are, the answer is finite and in order, or an error that
// says why the request has no sense.
func FuzzRun(f *testing.F) {
	nan, inf, huge := math.NaN(), math.Inf(1), math.MaxFloat64
	for _, values := range [][]float64{
		nil, {0}, {-3}, {nan}, {inf, -inf}, {huge, -huge, huge}, {0, 0, 0, 0},
		{5e-324, 0, 5e-324, 1}, {1, 2, 3, 4, 5, 6, 7, 8, nan, 10, 11, 12, 13, 14},
		{huge, 1, 1, 1, 1, 1, 1, huge, 1, 1, 1, 1, 1, 1, 1, 1},
		{-1, -2, -1, -2, -1, -2, -1, -2, -1, -2, -1, -2, -1, -2},
	} {
		f.Add(bytesOf(values), 7, 5)
		f.Add(bytesOf(values), 0, 1)
	}
	f.Add(bytesOf(days(100, 1)), 24, 30)
	f.Add(bytesOf(calls(100, 1)), 3, 200)
	f.Fuzz(func(t *testing.T, b []byte, period, horizon int) {
		if horizon > 500 || len(b) > 8*500 {
			t.Skip("long only takes longer")
		}
		s := Series{Values: valuesOf(b), Period: period}
		forecast, err := Run(s, Options{Horizon: horizon})
		if err != nil {
			if invoq.KindOf(err) != invoq.KindUnprocessable {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		sound(t, forecast)
		if len(s.Values) == 0 && len(forecast.Warnings) == 0 {
			t.Fatal("nothing was known, and no warning")
		}
		warm, err := Refresh(s, forecast.State)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, warm)
	})
}

// A state is stored, so it may come back damaged: that is no reason to panic.
func FuzzRefresh(f *testing.F) {
	f.Add("holt-winters", 0.5, 3.0, 2)
	f.Add("autoregression", 1.0, -4.0, 9)
	f.Add("long-repeat", 1e300, math.NaN(), 1)
	f.Fuzz(func(t *testing.T, method string, a, b float64, count int) {
		if count < 0 || count > 20 {
			t.Skip("no parameters are that many")
		}
		p := make([]float64, 0, 2*count)
		for range count {
			p = append(p, a, b)
		}
		state := State{Version: stateVersion, Horizon: 5, Members: []Member{
			{Method: Method(method), Weight: 0.5, Params: p[:len(p)/2]},
			{Method: Method(method), Weight: a, Params: p},
		}}
		forecast, err := Refresh(Series{Values: days(60, 1), Period: 12}, state)
		if err == nil {
			sound(t, forecast)
		}
	})
}

func bytesOf(values []float64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func valuesOf(b []byte) []float64 {
	var values []float64
	for ; len(b) >= 8; b = b[8:] {
		values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return values
}
