package swift

import (
	"net/http"
	"time"

	"entrepot/gateway"
)

// What the tests of package swift_test look at.
var (
	AnswerTo       = answerTo
	Page           = page
	Properties     = properties
	Changes        = changes
	DeleteAt       = deleteAt
	ConditionsOf   = conditionsOf
	ListingOf      = listingOf
	AppendJSON     = appendJSON
	AppendXML      = appendXML
	AppendDate     = appendDate
	Timestamp      = timestamp
	HeaderName     = headerName
	WriteListing   = new(pages).write
	ObjectsPage    = objectsDocument
	ContainersPage = containersDocument
	CheckType      = checkContentType
	Params         = params
	InfoBody       = infoBody
	CheckHeaders   = checkHeaders
	Refuse         = refuse
	Answers        = answers
	Sentences      = sentences
	DeleteLines    = deleteLines
	DeleteTarget   = deleteTarget
	ParseManifest  = parseManifest
	RawManifest    = rawManifest
	HeaderNames    = headerNames
)

// Cause names a row of Answers.
func (c cause) Cause() (kind, reason string) { return c.kind.String(), string(c.reason) }

// Asked shows what a listing was read as.
func (l listing) Asked() (contentType string, named bool) { return l.format.contentType(), l.named }

// Status of a row.
func (r row) Status() int { return r.status }

// Defaults fills in a configuration.
func (c Config) Defaults() Config { return c.withDefaults() }

// FormatOf is the format that a listing was asked for in.
func FormatOf(l *listing) format { return l.format }

// PresentSigned reads a temporary URL's query and gives an answer its headers;
// false: it is none.
func PresentSigned(query string, h http.Header) bool {
	q, ok := signedQueryOf(query, true)
	if ok {
		q.present(h, "object", time.Unix(0, 0))
	}
	return ok
}

// LinkOf reads the headers of a PUT of a link into an account.
func LinkOf(r *http.Request, account string) (gateway.Link, error) {
	return linkOf(r, &call{Ref: gateway.Ref{Account: account}})
}

// WebRow is a row of a site's listing.
func WebRow(prefix string, e gateway.Entry) string { return string(appendWebEntry(nil, prefix, &e)) }
