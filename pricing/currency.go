package pricing

import (
	"github.com/bojanz/currency"

	"invoq"
)

// Digits returns how many decimal places amounts of the currency have: 2 for
// USD, 0 for JPY, 3 for KWD. A code that is not in ISO 4217 is an error of
// KindUnprocessable.
func Digits(c invoq.Currency) (int32, error) {
	digits, ok := currency.GetDigits(string(c))
	if !ok {
		return 0, invoq.Errorf(invoq.KindUnprocessable,
			"currency %q is not a code of ISO 4217", string(c))
	}
	return int32(digits), nil
}
