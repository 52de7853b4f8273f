package api

import (
	"context"
	_ "embed" // openapi.yaml
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"invoq"
	"invoq/access"
)

//go:embed openapi.yaml
var contractYAML []byte

// Contract returns openapi.yaml; do not change it.
func Contract() []byte { return contractYAML }

// permissionExtension names the permission of an operation in the contract.
const permissionExtension = "x-permission"

// contract is openapi.yaml, ready to route and validate by.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

// loadContract reads the embedded contract and refuses one in which an operation
// does not say who may call it.
func loadContract() (*contract, error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(contractYAML)
	if err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("validate openapi.yaml: %w", err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if _, err := permissionOf(op); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
		}
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("route openapi.yaml: %w", err)
	}
	return &contract{doc: doc, router: router}, nil
}

// permissionOf returns the permission that an operation declares.
func permissionOf(op *openapi3.Operation) (access.Permission, error) {
	name, _ := op.Extensions[permissionExtension].(string)
	for _, p := range access.Permissions() {
		if string(p) == name {
			return p, nil
		}
	}
	return "", fmt.Errorf("operation %q declares no permission that there is: %q", op.OperationID, name)
}

// underContract finds the operation of a request, checks who is asking, and
// only then validates the request against the contract.
func (s *Server) underContract(c *fiber.Ctx) error {
	var r http.Request
	if err := fasthttpadaptor.ConvertRequest(c.Context(), &r, true); err != nil {
		return invoq.Errorf(invoq.KindInvalid, "request cannot be read: %v", err)
	}
	route, params, err := s.contract.router.FindRoute(&r)
	if err != nil {
		return s.notFound(c)
	}
	permission, err := permissionOf(route.Operation)
	if err != nil {
		return err
	}
	if permission != access.Public {
		if _, err := s.authorize(c, permission); err != nil {
			return err
		}
	}
	if err := checkParameters(route, params, r.URL.Query()); err != nil {
		return err
	}
	body, err := s.jsonBody(c)
	if err != nil {
		return err
	}
	c.SetUserContext(
		context.WithValue(c.UserContext(), askedKey{}, asked{accept: c.Get(fiber.HeaderAccept), url: r.URL}),
	)
	return s.validate(c, route, params, &r, body)
}

// checkParameters refuses parameters that the operation does not have, since one
// that is mistyped and ignored would widen what is asked for, and texts that no
// name can have.
func checkParameters(route *routers.Route, path map[string]string, query url.Values) error {
	known := map[string]bool{}
	for _, ps := range []openapi3.Parameters{route.PathItem.Parameters, route.Operation.Parameters} {
		for _, p := range ps {
			known[p.Value.Name] = known[p.Value.Name] || p.Value.In == openapi3.ParameterInQuery
		}
	}
	for name, values := range query {
		if !known[name] {
			return invoq.Errorf(invoq.KindInvalid, "there is no parameter %q here", name)
		}
		if !isText(strings.Join(values, "")) {
			return invoq.Errorf(invoq.KindInvalid, "parameter %q is not text", name)
		}
	}
	for name, value := range path {
		if text, err := url.PathUnescape(value); err != nil || !isText(text) {
			return invoq.Errorf(invoq.KindInvalid, "parameter %q is not text", name)
		}
	}
	return nil
}

// jsonBody reads a small body, which must not be compressed: what it inflates
// to would not be bounded.
func (s *Server) jsonBody(c *fiber.Ctx) ([]byte, error) {
	if enc := c.Get(fiber.HeaderContentEncoding); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, invoq.Errorf(invoq.KindUnsupported, "Content-Encoding %q is not read here", enc)
	}
	body, err := readBody(c, jsonBodyBytes)
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		if media, _, _ := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); media != fiber.MIMEApplicationJSON {
			return nil, invoq.Errorf(invoq.KindUnsupported, "send the body as application/json")
		}
		if err := uniqueKeys(body); err != nil {
			return nil, err
		}
	}
	c.Request().SetBodyRaw(body)
	return body, nil
}

// validate holds the request against the operation's parameters and body. The
// caller has been let in already.
func (s *Server) validate(
	c *fiber.Ctx, route *routers.Route, params map[string]string, r *http.Request, body []byte,
) error {
	r.Body = readCloser(body)
	r.ContentLength = int64(len(body))
	err := openapi3filter.ValidateRequest(c.UserContext(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, // Done already.
			MultiError:         false,
		},
	})
	if err == nil {
		return c.Next()
	}
	return contractError(err)
}

// contractError says in a sentence what a request breaks: 400 for what cannot
// be read, 422 for values of the body that are not allowed.
func contractError(err error) error {
	var re *openapi3filter.RequestError
	var se *openapi3.SchemaError
	var pe *openapi3filter.ParseError
	schema := errors.As(err, &se)
	switch {
	case !errors.As(err, &re):
		return invoq.Errorf(invoq.KindInvalid, "request does not fit the contract").WithCause(err)
	case re.Parameter != nil && schema:
		return invoq.Errorf(invoq.KindInvalid, "parameter %q%s", re.Parameter.Name, reasonOf(se))
	case re.Parameter != nil && errors.As(err, &pe) && wording(re.Parameter.Schema) != "":
		return invoq.Errorf(invoq.KindInvalid, "parameter %q %s", re.Parameter.Name, wording(re.Parameter.Schema))
	case re.Parameter != nil:
		return invoq.Errorf(invoq.KindInvalid, "parameter %q: %s", re.Parameter.Name, short(re))
	case schema:
		return invoq.Errorf(invoq.KindUnprocessable, "body: %s", schemaReason(se))
	case errors.As(err, &pe):
		return invoq.Errorf(invoq.KindInvalid, "body is not JSON: %v", pe.RootCause())
	}
	return invoq.Errorf(invoq.KindInvalid, "body: %s", short(re))
}

// schemaReason says which field breaks the schema, and how.
func schemaReason(e *openapi3.SchemaError) string {
	if at := strings.Join(e.JSONPointer(), "/"); at != "" {
		return fmt.Sprintf("%q%s", at, reasonOf(e))
	}
	return e.Reason
}

// reasonOf says how a value breaks its schema, to be put behind its name: in our
// own words where the library's are about the schema and not about the value.
func reasonOf(e *openapi3.SchemaError) string {
	for e.SchemaField == "allOf" {
		inner, ok := errors.AsType[*openapi3.SchemaError](e.Origin)
		if !ok {
			break
		}
		e = inner
	}
	switch e.SchemaField {
	case "anyOf", "type", "format", "pattern":
		if said := wording(e.Schema.NewRef()); said != "" {
			return " " + said
		}
	}
	return ": " + e.Reason
}

// wordings say what is no value of a schema, by its pattern or format.
var wordings = map[string]string{
	"date":                       "is not a day such as 2026-03-01",
	"date-time":                  "is not a time such as 2026-03-01T00:00:00Z",
	"uuid":                       "is not a UUID",
	"^[A-Z]{3}$":                 "is not a currency such as EUR",
	"^[0-9]{4}-(0[1-9]|1[0-2])$": "is not a month such as 2026-03",
}

// wording says that a value is none of the schema; empty where there are no
// better words than the library's.
func wording(ref *openapi3.SchemaRef) string {
	if ref == nil || ref.Value == nil {
		return ""
	}
	schema := ref.Value
	switch {
	case len(schema.AnyOf) > 0: // Decimal alone is either of two.
		return "is not a decimal number"
	case wordings[schema.Pattern] != "":
		return wordings[schema.Pattern]
	case wordings[schema.Format] != "":
		return wordings[schema.Format]
	case schema.Type.Is(openapi3.TypeInteger):
		return "is not a whole number"
	case schema.Type.Is(openapi3.TypeNumber):
		return "is not a number"
	case schema.Type.Is(openapi3.TypeBoolean):
		return "is neither true nor false"
	}
	return ""
}

// short returns the cause of a refusal without the library's own preamble.
func short(e *openapi3filter.RequestError) string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Reason
}

// scope returns whose rows the caller may touch.
func scope(ctx context.Context) invoq.Scope { return identity(ctx).Scope() }
