package swift

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// maxListing is the largest page of a listing.
const maxListing = 10_000

// params yields the parameters of a query in order. Unlike net/url it takes
// semicolons and stray percent signs as they are, since markers hold names.
func params(rawQuery string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range strings.SplitSeq(rawQuery, "&") {
			if pair == "" {
				continue
			}
			key, value, _ := strings.Cut(pair, "=")
			key, _ = httpkit.Unescape(key, true)
			value, _ = httpkit.Unescape(value, true)
			if !yield(key, value) {
				return
			}
		}
	}
}

// A listing is what a GET of an account or a container asks for.
type listing struct {
	gateway.ListOptions
	format format
	// named tells that the format came from the query and not from Accept.
	named bool
}

// listingOf reads the parameters and the Accept header of a listing. HEAD lists
// nothing, so that only the form that it asks for matters.
func listingOf(r *http.Request) (listing, error) {
	l := listing{ListOptions: gateway.ListOptions{Limit: maxListing}}
	path, asked := "", ""
	for key, value := range params(r.URL.RawQuery) {
		if !l.set(key, value, &path, &asked) {
			continue
		}
		if r.Method != http.MethodHead && !utf8.ValidString(value) {
			return listing{}, refuse(http.StatusBadRequest, `"`+key+`" parameter not valid UTF-8`)
		}
	}
	if l.Limit > maxListing && r.Method != http.MethodHead {
		return listing{}, refuse(http.StatusPreconditionFailed, "Maximum limit is "+strconv.Itoa(maxListing))
	}
	if l.Direct {
		l.Delimiter, l.Prefix = "", path
		if path != "" && !strings.HasSuffix(path, "/") {
			l.Prefix += "/"
		}
	}
	var err error
	l.format, err = formatOf(asked, r.Header["Accept"])
	l.named = asked != ""
	return l, err
}

// set takes one parameter and tells whether it means something.
func (l *listing) set(key, value string, path, asked *string) bool {
	switch key {
	case "prefix":
		l.Prefix = value
	case "delimiter":
		l.Delimiter = value
	case "marker":
		l.Marker = value
	case "end_marker":
		l.EndMarker = value
	case "path":
		l.Direct, *path = true, value
	case "format":
		*asked = value
	case "reverse":
		l.Reverse = isTrue(value)
	case "limit":
		if n, ok := wholeNumber(value); ok && n >= 0 {
			l.Limit = int(min(n, maxListing+1))
		}
	default:
		return false
	}
	return true
}

// A format is a way to write a listing.
type format uint8

const (
	plain format = iota
	jsonFormat
	xmlFormat
	textXML // xmlFormat under its other media type
)

// formatOf chooses a format: by the query's parameter, where anything unknown
// means plain, else by Accept.
func formatOf(asked string, accept []string) (format, error) {
	switch {
	case strings.EqualFold(asked, "json"):
		return jsonFormat, nil
	case strings.EqualFold(asked, "xml"):
		return xmlFormat, nil
	case asked != "" || len(accept) == 0:
		return plain, nil
	}
	mediaType, err := httpkit.Negotiate(strings.Join(accept, ","), "text/plain", "application/json", "application/xml", "text/xml")
	switch {
	case err == httpkit.ErrBadAccept:
		return plain, refuse(http.StatusBadRequest, "Invalid Accept header")
	case err != nil:
		return plain, refuse(http.StatusNotAcceptable, "")
	}
	switch mediaType {
	case "application/json":
		return jsonFormat, nil
	case "application/xml":
		return xmlFormat, nil
	case "text/xml":
		return textXML, nil
	}
	return plain, nil
}

// contentType of a listing in the format.
func (f format) contentType() string {
	switch f {
	case jsonFormat:
		return "application/json; charset=utf-8"
	case xmlFormat:
		return "application/xml; charset=utf-8"
	case textXML:
		return "text/xml; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}
