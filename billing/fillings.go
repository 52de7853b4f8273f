package billing

import (
	"container/list"

	"invoq"
)

// monthKey names a tenant's month by its first instant.
type monthKey struct {
	tenant invoq.TenantID
	start  int64 // seconds since 1970
}

// fillings keeps the months that were used last, up to a number of them.
type fillings struct {
	most  int
	byKey map[monthKey]*list.Element
	order *list.List // of kept, the last used first
}

// kept is an element of fillings.
type kept struct {
	key monthKey
	of  *filling
}

func newFillings(most int) *fillings {
	return &fillings{most: most, byKey: map[monthKey]*list.Element{}, order: list.New()}
}

// get returns a month, or nil.
func (f *fillings) get(key monthKey) *filling {
	e := f.byKey[key]
	if e == nil {
		return nil
	}
	f.order.MoveToFront(e)
	return e.Value.(*kept).of
}

// put keeps a month and forgets the one that was not used for the longest time
// if there are too many.
func (f *fillings) put(key monthKey, of *filling) {
	if e := f.byKey[key]; e != nil {
		e.Value.(*kept).of = of
		f.order.MoveToFront(e)
		return
	}
	f.byKey[key] = f.order.PushFront(&kept{key, of})
	if last := f.order.Back(); f.order.Len() > f.most {
		delete(f.byKey, last.Value.(*kept).key)
		f.order.Remove(last)
	}
}

// clear forgets all months.
func (f *fillings) clear() {
	clear(f.byKey)
	f.order.Init()
}
