package events

// envelope is what a CloudEvent (CloudEvents 1.0, structured JSON) says around
// its data.
type envelope struct {
	specVersion, id, source, kind, time, subject string
	hasData                                      bool
}

// parseCloudEvent reads a CloudEvent whose data is an event of ours. The
// envelope fills in what the data leaves open: source and id make the request
// id, time the timestamp, subject the user. Extensions are passed over.
func (it *item) parseCloudEvent(s *scanner) {
	if s.peek() != '{' {
		it.refuse("an event is an object")
		s.skip(0)
		return
	}
	var e envelope
	seen := map[string]bool{}
	s.object(func(name string) {
		if seen[name] {
			it.refuse("attribute %q is there twice", cut(name))
		}
		if len(seen) < 64 { // Enough for any event; more is not remembered.
			seen[name] = true
		}
		it.attribute(s, &e, name)
	})
	it.complete(&e)
}

// attribute reads one attribute of the envelope, or the data.
func (it *item) attribute(s *scanner, e *envelope, name string) {
	to := map[string]*string{
		"specversion": &e.specVersion, "id": &e.id, "source": &e.source, "type": &e.kind,
		"time": &e.time, "subject": &e.subject,
	}[name]
	switch {
	case to != nil && s.peek() == '"':
		*to = s.text()
	case to != nil && s.peek() == 'n': // null: not there.
		s.skip(1)
	case to != nil:
		it.refuse("attribute %q is no text", name)
		s.skip(1)
	case name == "data":
		e.hasData = true
		it.parse(s)
	case name == "data_base64":
		it.refuse("data_base64 is not read: send data as JSON")
		s.skip(1)
	default:
		s.skip(1)
	}
}

// complete checks the envelope and takes from it what the data does not say.
func (it *item) complete(e *envelope) {
	switch {
	case e.specVersion != "1.0":
		it.refuse("specversion %q is not 1.0", cut(e.specVersion))
	case e.id == "" || e.source == "" || e.kind == "":
		it.refuse("id, source and type are required")
	case !e.hasData:
		it.refuse("data is missing")
	}
	if it.requestID == "" {
		it.requestID = e.source + "#" + e.id
	}
	if !it.has(fTimestamp) && e.time != "" {
		it.timestamp, it.seen = e.time, it.seen|1<<fTimestamp
	}
	if it.user == "" {
		it.user = e.subject
	}
}
