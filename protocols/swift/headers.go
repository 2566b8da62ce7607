package swift

import (
	"net/http"
	"strconv"
	"time"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// entityHeaders are the headers of an object that are kept as sent and given
// back: the names of the core and of the wire.
var entityHeaders = [...]struct{ name, wire string }{
	{"content-encoding", "Content-Encoding"},
	{"content-disposition", "Content-Disposition"},
	{"content-language", "Content-Language"},
	{"cache-control", "Cache-Control"},
	{"expires", "Expires"},
	{"x-robots-tag", "X-Robots-Tag"},
	{"x-object-manifest", "X-Object-Manifest"},
}

// An answer collects the headers of a response. All values share one
// allocation, where net/http's Set would make one each.
type answer struct {
	header http.Header
	values []string
}

// newAnswer returns an answer with room for n headers.
func newAnswer(w http.ResponseWriter, n int) answer {
	return answer{w.Header(), make([]string, 0, n)}
}

// set gives a header, by its canonical name, one value.
func (a *answer) set(name, value string) {
	a.values = append(a.values, value)
	n := len(a.values)
	a.header[name] = a.values[n-1 : n : n]
}

// setInt gives a header a number.
func (a *answer) setInt(name string, n int64) { a.set(name, strconv.FormatInt(n, 10)) }

// setProperties shows properties under their prefix.
func (a *answer) setProperties(prefix string, props gateway.Properties) {
	for name, value := range props {
		a.set(headerName(prefix, name), value)
	}
}

// setObject shows what an object is, but for its content type and length.
func (a *answer) setObject(o *gateway.Object) {
	a.setStamp(o)
	for _, h := range entityHeaders {
		if v := o.Headers[h.name]; v != "" {
			a.set(h.wire, v)
		}
	}
	a.setProperties(objectMeta, o.Properties)
	if !o.DeleteAt.IsZero() {
		a.setInt("X-Delete-At", o.DeleteAt.Unix())
	}
	if o.Large != gateway.Plain || o.Link != nil || o.Target.Object != "" {
		a.setLarge(o)
	}
}

// setStamp shows which version of an object this is.
func (a *answer) setStamp(o *gateway.Object) {
	var buf [len(http.TimeFormat) + 24]byte
	text := string(appendTimestamp(httpkit.AppendHTTPTime(buf[:0], o.Timestamp), o.Timestamp))
	a.set("Etag", shownTag(o))
	a.set("Last-Modified", text[:len(http.TimeFormat)])
	a.set("X-Timestamp", text[len(http.TimeFormat):])
}

// shownTag is an object's entity tag as the door writes it: bare, but quoted
// where a large object shows what it joins.
func shownTag(o *gateway.Object) string {
	if o.Large == gateway.Plain || o.Manifest {
		return o.MD5
	}
	return `"` + o.Composite + `"`
}

// room is how many headers setObject may set.
func room(o *gateway.Object) int { return len(o.Properties) + len(o.Headers) + 12 }

// timestamp writes Unix seconds with five decimals, as X-Timestamp has them.
func timestamp(t time.Time) string { return string(appendTimestamp(make([]byte, 0, 24), t)) }

func appendTimestamp(b []byte, t time.Time) []byte {
	b = strconv.AppendInt(b, t.Unix(), 10)
	b = append(b, '.')
	return appendPadded(b, t.Nanosecond()/10_000, 5)
}

// appendPadded appends a number that is not negative with n digits.
func appendPadded(b []byte, v, n int) []byte {
	const zeros = "000000"
	b = append(b, zeros[:n]...)
	for i := len(b) - 1; v > 0 && n > 0; i, n = i-1, n-1 {
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return b
}

// appendDate appends a time as listings have it: UTC, six decimals, no zone.
func appendDate(b []byte, t time.Time) []byte {
	return appendPadded(append(httpkit.AppendDateTime(b, t), '.'), t.Nanosecond()/1000, 6)
}

// noContent answers 204.
func noContent(w http.ResponseWriter, contentType string) error {
	w.Header()["Content-Type"] = []string{contentType}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// accepted answers 202 with its page.
func accepted(w http.ResponseWriter, r *http.Request) error {
	writeBody(w, r, http.StatusAccepted, htmlType, page(http.StatusAccepted))
	return nil
}
