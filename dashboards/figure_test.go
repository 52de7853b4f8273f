package dashboards

import (
	"testing"

	"invoq"
)

func TestMoney(t *testing.T) {
	f := func(amount, code, text, exact string) {
		t.Helper()
		got := money(invoq.MustDecimal(amount), invoq.Currency(code))
		if got.Text != text || got.Exact != exact {
			t.Errorf(
				"%s %s is %q, exactly %q; want %q, exactly %q",
				amount,
				code,
				got.Text,
				got.Exact,
				text,
				exact,
			)
		}
	}
	f("0", "USD", "$0.00", "")
	f("1234.5", "USD", "$1,234.50", "")
	f("1234.565", "USD", "$1,234.57", "1234.565 USD")
	f("0.0049", "USD", "<$0.01", "0.0049 USD")
	f("0.005", "USD", "$0.01", "0.005 USD")
	f("-0.001", "EUR", ">-€0.01", "-0.001 EUR")
	f("-3", "EUR", "-€3.00", "")
	f("1234.5", "JPY", "¥1,235", "1234.5 JPY")
	f("0.4", "JPY", "<¥1", "0.4 JPY")
	f("1.2345", "KWD", "KWD\u00a01.235", "1.2345 KWD")
	f("99999999999999999999.01", "USD", "$99,999,999,999,999,999,999.01", "")
	f("1.5", "ZZZ", "1.5 ZZZ", "")
	f("123456789012345678901234567890123456789012345678.5", "USD",
		"123,456,789,012,345,678,901,234,567,890,123,456,789,012,345,678.5 USD", "")
}

func TestPriceKeepsEveryDigit(t *testing.T) {
	got := price(invoq.MustDecimal("0.0000000000162760417"), "USD")
	if want := "0.0000000000162760417 USD"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCount(t *testing.T) {
	f := func(n, text, exact string) {
		t.Helper()
		got := count(invoq.MustDecimal(n))
		if got.Text != text || got.Exact != exact {
			t.Errorf("%s is %q, exactly %q; want %q, exactly %q", n, got.Text, got.Exact, text, exact)
		}
	}
	f("0", "0", "")
	f("7", "7", "")
	f("1234", "1,234", "")
	f("9999", "9,999", "")
	f("9999.6", "10,000", "9,999.6")
	f("10000", "10 k", "10,000")
	f("12345", "12.3 k", "12,345")
	f("999499", "999 k", "999,499")
	f("999500", "1 M", "999,500")
	f("1234567", "1.23 M", "1,234,567")
	f("1200000", "1.2 M", "1,200,000")
	f("-1234567", "-1.23 M", "-1,234,567")
	f("45678901234", "45.7 B", "45,678,901,234")
	f("1234567890123456", "1,235 T", "1,234,567,890,123,456")
	f("0.123456", "0.123", "0.123456")
	f("0.00012", "0.00012", "")
	f("12.3456", "12.35", "12.3456")
}

func TestQuantity(t *testing.T) {
	f := func(m invoq.Meter, n, text, exact string) {
		t.Helper()
		got := quantity(m, invoq.MustDecimal(n))
		if got.Text != text || got.Exact != exact {
			t.Errorf(
				"%s of %s is %q, exactly %q; want %q, exactly %q",
				n,
				m,
				got.Text,
				got.Exact,
				text,
				exact,
			)
		}
	}
	f(invoq.DurationMs, "0", "0 ms", "")
	f(invoq.DurationMs, "999", "999 ms", "")
	f(invoq.DurationMs, "1500", "1.5 s", "1,500 ms")
	f(invoq.DurationMs, "90000", "1.5 min", "90,000 ms")
	f(invoq.CPUMs, "12345678.9", "3.43 h", "12,345,678.9 ms")
	f(invoq.CPUMs, "360000000000", "100 k h", "360,000,000,000 ms")
	// A GB·s is 1024 MB × 1000 ms.
	f(invoq.MBMs, "1024000", "1 GB·s", "1,024,000 MB·ms")
	f(invoq.MBMs, "1536000000", "1,500 GB·s", "1,536,000,000 MB·ms")
	f(invoq.MBMs, "1024000000000000", "1 B GB·s", "1,024,000,000,000,000 MB·ms")
	f(invoq.MBMs, "1", "<0.01 GB·s", "1 MB·ms")
	f(invoq.MBMs, "0", "0 GB·s", "0 MB·ms")
	f(invoq.ColdStarts, "12", "12", "")
}

func TestLatencyAndPercent(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(latency(0.04), "0.0 ms")
	f(latency(3.14), "3.1 ms")
	f(latency(249.6), "250 ms")
	f(latency(1234), "1.23 s")
	one, three := invoq.NewDecimal(1, 0), invoq.NewDecimal(3, 0)
	f(percent(one, three), "33.3%")
	f(percent(three, three), "100%")
	f(percent(one, invoq.NewDecimal(1, 6)), "<0.1%")
	f(percent(invoq.Decimal{}, three), "0%")
	f(percent(one, invoq.Decimal{}), "")
}
