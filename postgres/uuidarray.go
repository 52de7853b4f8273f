package postgres

import "github.com/jackc/pgx/v5/pgtype"

// uuidArray is many ids as a parameter. As [][16]byte each of them would be
// allocated twice on its way.
type uuidArray [][16]byte

// uuidsOf returns ids as a parameter.
func uuidsOf[T ~[16]byte](ids []T) uuidArray {
	all := make(uuidArray, len(ids))
	for i, id := range ids {
		all[i] = [16]byte(id)
	}
	return all
}

// Dimensions implements pgtype.ArrayGetter.
func (a uuidArray) Dimensions() []pgtype.ArrayDimension {
	if a == nil {
		return nil
	}
	return []pgtype.ArrayDimension{{Length: int32(len(a)), LowerBound: 1}}
}

// Index implements pgtype.ArrayGetter.
func (a uuidArray) Index(i int) any { return (*uuidValue)(&a[i]) }

// IndexType implements pgtype.ArrayGetter.
func (a uuidArray) IndexType() any { return (*uuidValue)(nil) }

// uuidValue is an id that is written from where it stands.
type uuidValue [16]byte

// UUIDValue implements pgtype.UUIDValuer.
func (v *uuidValue) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: *v, Valid: true}, nil
}
