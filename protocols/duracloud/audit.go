package duracloud

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// auditHead is the first line of an audit trail.
const auditHead = "account\tstore-id\tspace-id\tcontent-id\tcontent-md5\tcontent-size\tcontent-mimetype\tcontent-properties\t" +
	"space-acls\tsource-space-id\tsource-content-id\ttimestamp\taction\tusername\n"

// getAudit answers with the audit trail of a space as tab-separated lines.
func (f *Face) getAudit(w http.ResponseWriter, r *http.Request, c *call) error {
	ref, store, err := f.inBlank(c)
	if err != nil {
		return f.readersFirst(r, c, err)
	}
	out := newStream(w, r, "text/plain", "")
	row := auditRow{account: c.account, store: store, space: c.space}
	err = f.spaces.Audit(r.Context(), ref, func(page []gateway.AuditRecord) error {
		b := out.buffer()
		for i := range page {
			b = row.append(b, &page[i])
		}
		return out.write(b, auditHead)
	})
	return out.end(err, auditHead, func(err error) error { return onSpace("get the audit log of", c, err) })
}

// auditRow writes lines of an audit trail.
type auditRow struct{ account, store, space string }

func (a *auditRow) append(b []byte, r *gateway.AuditRecord) []byte {
	for _, text := range [...]string{a.account, a.store, a.space, r.Item, r.MD5} {
		b = append(appendCell(b, text), '\t')
	}
	if r.Size >= 0 {
		b = strconv.AppendInt(b, r.Size, 10)
	}
	b = append(appendCell(append(b, '\t'), r.ContentType), '\t')
	if r.Properties != nil {
		b = appendProperties(b, r.Properties)
	}
	for _, text := range [...]string{r.Grants, r.SourceSpace, r.SourceItem} {
		b = appendCell(append(b, '\t'), text)
	}
	b = appendLongTime(append(b, '\t'), r.Time)
	b = append(append(append(b, '\t'), r.Action...), '\t')
	return append(appendCell(b, r.User), '\n')
}

// appendCell appends a text in which tabs and line ends, which no cell can
// hold, are percent-encoded.
func appendCell(b []byte, s string) []byte {
	if !strings.ContainsAny(s, "\t\r\n") {
		return append(b, s...)
	}
	for i := range len(s) {
		switch c := s[i]; c {
		case '\t', '\r', '\n':
			b = append(b, '%', '0', "0123456789ABCDEF"[c])
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendLongTime appends a time as DuraCloud writes it in audits: the last
// group of digits is the seconds again.
func appendLongTime(b []byte, t time.Time) []byte {
	b = append(httpkit.AppendDateTime(b, t), ".0"...)
	return append(b, b[len(b)-4:len(b)-2]...)
}

// appendProperties appends properties as DuraCloud's audits show them: a JSON
// object printed over several lines, without its line ends.
func appendProperties(b []byte, props gateway.Properties) []byte {
	if len(props) == 0 {
		return append(b, "{ }"...)
	}
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(props)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(append(b, "  "...), name)
		b = appendJSON(append(b, " : "...), props[name])
	}
	return append(b, '}')
}

// appendJSON appends a JSON string (RFC 8259 section 7).
func appendJSON(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, "\ufffd"...)
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return append(b, '"')
}

// inBlank is in for the resources that take an empty store number, and one of
// blanks, for the primary store. It returns the number as text, too.
func (f *Face) inBlank(c *call) (gateway.Ref, string, error) {
	id := strings.TrimSpace(c.storeID())
	account, info, err := f.spaces.Store(c.account, id)
	if err != nil {
		return gateway.Ref{}, id, refuse(http.StatusBadRequest, "The storeId you supplied (%s) is not associated with this domain.", id)
	}
	return gateway.Ref{Account: account, Container: c.space}, strconv.Itoa(info.ID), nil
}

// A stream is an answer of lines whose length is not known when it begins.
type stream struct {
	w           http.ResponseWriter
	r           *http.Request
	contentType string
	encoding    string
	buf         []byte
	begun       bool
}

func newStream(w http.ResponseWriter, r *http.Request, contentType, encoding string) *stream {
	return &stream{w: w, r: r, contentType: contentType, encoding: encoding}
}

// buffer returns the stream's buffer, empty.
func (s *stream) buffer() []byte { return s.buf[:0] }

// write sends lines, behind the status and head where it is the first time. To
// HEAD it sends the headers and ends the work.
func (s *stream) write(lines []byte, head string) error {
	s.buf = lines
	if err := s.begin(head); err != nil {
		return err
	}
	_, err := s.w.Write(lines)
	return err
}

func (s *stream) begin(head string) error {
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h["Content-Type"] = []string{s.contentType}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		if s.encoding != "" {
			h["Content-Encoding"] = []string{s.encoding}
		}
		s.w.WriteHeader(http.StatusOK)
		if s.r.Method != http.MethodHead && head != "" {
			if _, err := s.w.Write([]byte(head)); err != nil {
				return err
			}
		}
	}
	if s.r.Method == http.MethodHead {
		return errEnough
	}
	return nil
}

// errEnough ends the work for an answer that needs no more.
var errEnough = refuse(http.StatusOK, "enough")

// end ends the stream: a failure before its beginning is returned, in the
// words of say; a later one cuts the connection, so that nobody takes what was
// sent for all of it.
func (s *stream) end(err error, head string, say func(error) error) error {
	switch {
	case err == nil && !s.begun:
		err = s.begin(head)
	case err != nil && !s.begun:
		return say(err)
	}
	if err != nil && err != errEnough {
		httpkit.EventOf(s.r.Context()).Err = err
		panic(http.ErrAbortHandler)
	}
	return nil
}
