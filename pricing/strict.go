package pricing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"invoq"
)

// strict decodes JSON into a struct the way money wants it read: no unknown,
// missing, repeated or differently cased field, no null, and an error that
// names the place. A field whose tag has no omitempty or omitzero is required.
type strict struct {
	dec *json.Decoder
	// fields are those of the structs that were met.
	fields map[reflect.Type]map[string]field
}

// Lists that are much longer than any may be are not read to their end: they
// would take many times their length before Validate gets to count them.
const (
	maxElements = 2 * max(MaxTiers, MaxSelected)
	maxRates    = 2 * invoq.MaxRates
)

// decodeStrict reads exactly one JSON value into the struct v points to.
func decodeStrict(b []byte, v any) error {
	if !utf8.Valid(b) {
		return invoq.Errorf(invoq.KindInvalid, "the JSON is not UTF-8")
	}
	d := strict{json.NewDecoder(bytes.NewReader(b)), map[reflect.Type]map[string]field{}}
	d.dec.UseNumber()
	if err := d.value("", reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	if _, err := d.dec.Token(); !errors.Is(err, io.EOF) {
		return invoq.Errorf(invoq.KindInvalid, "the JSON goes on behind its end")
	}
	return nil
}

// value reads one value of any kind into v.
func (d strict) value(path string, v reflect.Value) error {
	if u, ok := reflect.TypeAssert[json.Unmarshaler](v.Addr()); ok {
		return d.unmarshaler(path, u)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.object(path, v)
	case reflect.Slice:
		return d.array(path, v)
	case reflect.Map:
		return d.stringMap(path, v)
	}
	return d.scalar(path, v)
}

// unmarshaler reads decimals and times. What is no JSON at all where a number
// stands, such as NaN, is a value that is not allowed rather than bad syntax.
func (d strict) unmarshaler(path string, u json.Unmarshaler) error {
	var raw json.RawMessage
	if err := d.dec.Decode(&raw); err != nil {
		return refuse(path, "its value is no number or string").WithCause(err)
	}
	err := u.UnmarshalJSON(raw)
	if e, ok := errors.AsType[*invoq.Error](err); ok {
		return refuse(path, "%s", e.Message)
	}
	if err != nil || string(raw) == "null" {
		return refuse(path, "%s is not a value it can have", clip(string(raw)))
	}
	return nil
}

// object reads an object into a struct: each field once, none that is not known.
func (d strict) object(path string, v reflect.Value) error {
	if err := d.open(path, '{'); err != nil {
		return err
	}
	fields := d.fieldsOf(v.Type())
	seen := map[string]bool{}
	for d.dec.More() {
		name, err := d.key(path, seen)
		if err != nil {
			return err
		}
		f, ok := fields[name]
		if !ok {
			return refuse(join(path, clip(name)), "there is no such field")
		}
		if err := d.value(join(path, name), v.Field(f.index)); err != nil {
			return err
		}
	}
	if err := d.close(path); err != nil {
		return err
	}
	return missing(path, v, fields, seen)
}

// missing refuses an object that lacks a required field. The price of a rate
// is required where its kind has one: left out it would be 0.
func missing(path string, v reflect.Value, fields map[string]field, seen map[string]bool) error {
	r, _ := reflect.TypeAssert[invoq.Rate](v) // Else zero, which is of a kind with a price.
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if seen[name] || !fields[name].required || (name == "price" && !r.Kind.Priced()) {
			continue
		}
		return refuse(join(path, name), "it is missing")
	}
	return nil
}

// array reads a list.
func (d strict) array(path string, v reflect.Value) error {
	if err := d.open(path, '['); err != nil {
		return err
	}
	most := maxElements
	if v.Type().Elem() == reflect.TypeFor[invoq.Rate]() {
		most = maxRates
	}
	for i := 0; d.dec.More(); i++ {
		if i == most {
			return refuse(path, "there are more than %d", most)
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(fmt.Sprintf("%s[%d]", path, i), element); err != nil {
			return err
		}
		v.Set(reflect.Append(v, element))
	}
	return d.close(path)
}

// stringMap reads an object of strings.
func (d strict) stringMap(path string, v reflect.Value) error {
	if err := d.open(path, '{'); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(v.Type()))
	seen := map[string]bool{}
	for d.dec.More() {
		name, err := d.key(path, seen)
		if err != nil {
			return err
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.scalar(join(path, name), element); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name), element)
	}
	return d.close(path)
}

// scalar reads a string, a number or a boolean.
func (d strict) scalar(path string, v reflect.Value) error {
	token, err := d.dec.Token()
	if err != nil {
		return errorSyntax(path, err)
	}
	switch t := token.(type) {
	case string:
		if v.Kind() == reflect.String {
			v.SetString(t)
			return nil
		}
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(t)
			return nil
		}
	case json.Number:
		if n, err := t.Int64(); err == nil && v.CanInt() {
			v.SetInt(n)
			return nil
		}
	}
	return refuse(path, "%s is not a %s", clip(fmt.Sprint(token)), v.Kind())
}

// open reads the opening delimiter.
func (d strict) open(path string, want json.Delim) error {
	token, err := d.dec.Token()
	if err != nil {
		return errorSyntax(path, err)
	}
	if token != want {
		return refuse(path, "it must begin with %v", want)
	}
	return nil
}

// close reads the closing delimiter.
func (d strict) close(path string) error {
	if _, err := d.dec.Token(); err != nil {
		return errorSyntax(path, err)
	}
	return nil
}

// key reads a field's name and refuses one that was there before.
func (d strict) key(path string, seen map[string]bool) (string, error) {
	token, err := d.dec.Token()
	if err != nil {
		return "", errorSyntax(path, err)
	}
	name := token.(string) // Token refuses any other key.
	if seen[name] {
		return "", invoq.Errorf(invoq.KindInvalid,
			"%s: the field stands twice", join(path, clip(name)))
	}
	seen[name] = true
	return name, nil
}

// field is what the tag of a struct's field says.
type field struct {
	index    int
	required bool
}

// fieldsOf returns a struct's fields by their JSON names.
func (d strict) fieldsOf(t reflect.Type) map[string]field {
	if fields, ok := d.fields[t]; ok {
		return fields
	}
	fields := map[string]field{}
	d.fields[t] = fields
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[name] = field{index: i, required: options == ""}
	}
	return fields
}

// join returns the path of a field within path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// clip shortens what a sender chose, for an error message.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// errorSyntax says where the text stops being JSON.
func errorSyntax(path string, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	at := ""
	if path != "" {
		at = " at " + path
	}
	return invoq.Errorf(invoq.KindInvalid, "the JSON cannot be read%s: %v", at, err)
}
