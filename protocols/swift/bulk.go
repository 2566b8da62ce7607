package swift

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Bulk operations (OpenStack Object Storage API v1, "Bulk middleware"): one
// request for many objects. The status is always 200; what happened stands in
// the report.

const (
	// maxDeletes is how many lines one bulk deletion may have.
	maxDeletes = 10_000
	// maxDeleteLine bounds a line: the longest names, every byte encoded.
	maxDeleteLine = 3*(256+1024) + 16
	// maxBulkFailures ends a bulk operation.
	maxBulkFailures = 1000
)

// A bulk is one bulk operation on its way, and its report.
type bulk struct {
	face      *Face
	account   string // without prefix
	mediaType string
	created   int
	deleted   int
	missing   int
	failures  []reportError
	broken    bool // an entry failed by the server's fault
}

// newBulk chooses the form of the report; false: it was answered that none is
// served.
func (f *Face) newBulk(w http.ResponseWriter, r *http.Request, c *call, root string) (*bulk, bool) {
	b := &bulk{face: f, account: c.Account}
	var ok bool
	if b.mediaType, ok = reportTypeOf(r.Header["Accept"]); !ok {
		b.answer(w, r, root, http.StatusNotAcceptable, "")
	}
	return b, ok
}

// fail notes what became of an entry.
func (b *bulk) fail(name string, err error) { b.failStatus(name, statusOf(err)) }

func (b *bulk) failStatus(name string, status int) {
	b.broken = b.broken || status >= 500
	b.failures = append(b.failures, reportError{httpkit.EscapePath(name), statusLine(status)})
}

func statusOf(err error) int { status, _ := answerTo(err); return status }

// statusLine is a status as reports have it.
func statusLine(status int) string {
	text := http.StatusText(status)
	if text == "" {
		text = sentences[status][0]
	}
	return strconv.Itoa(status) + " " + text
}

// answer writes the report. A status of 0 is worked out of the failures.
func (b *bulk) answer(w http.ResponseWriter, r *http.Request, root string, status int, text string) {
	if status == 0 {
		switch {
		case b.broken:
			status = http.StatusBadGateway
		case len(b.failures) > 0:
			status = http.StatusBadRequest
		case root == extractRoot:
			status = http.StatusCreated
		default:
			status = http.StatusOK
		}
	}
	p := report{root: root, errors: b.failures}
	p.text("Response Status", statusLine(status))
	p.text("Response Body", text)
	if root == extractRoot {
		p.count("Number Files Created", b.created)
	} else {
		p.count("Number Deleted", b.deleted)
		p.count("Number Not Found", b.missing)
	}
	writeBody(w, r, http.StatusOK, b.mediaType, string(p.append(nil, b.mediaType)))
}

const deleteRoot = "delete"

// bulkDelete deletes what the lines of the body name, in their order. Each
// entry is judged on its own.
func (f *Face) bulkDelete(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := checkUncoded(r); err != nil {
		return err
	}
	b, ok := f.newBulk(w, r, c, deleteRoot)
	if !ok {
		return nil
	}
	if !hasLength(r) {
		b.answer(w, r, deleteRoot, http.StatusLengthRequired, "")
		return nil
	}
	lines, err := deleteLines(r.Body)
	long := errors.Is(err, errLongLine)
	if long {
		err = nil
	}
	switch {
	case errors.Is(err, errTooManyLines):
		b.answer(w, r, deleteRoot, http.StatusRequestEntityTooLarge, "Maximum Bulk Deletes: "+strconv.Itoa(maxDeletes)+" per request")
		return nil
	case err != nil:
		return bodyFailure(errs.Wrap("swift.bulkDelete", errs.Incomplete, "", err), &body{err: err})
	case len(lines) == 0 && !long:
		b.answer(w, r, deleteRoot, http.StatusBadRequest, "Invalid bulk delete.")
		return nil
	}
	if b.deleteAll(r.Context(), lines); len(b.failures) >= maxBulkFailures {
		b.answer(w, r, deleteRoot, http.StatusBadRequest, "Max delete failures exceeded")
		return nil
	}
	if long { // what stood before it is done
		b.answer(w, r, deleteRoot, http.StatusBadRequest, "Invalid File Name")
		return nil
	}
	b.answer(w, r, deleteRoot, 0, "")
	return nil
}

// checkUncoded refuses a body in a coding (RFC 9110 section 8.4), which would
// have to be undone to be read.
func checkUncoded(r *http.Request) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuse(http.StatusUnsupportedMediaType, "The body must not be in a content coding.")
	}
	return nil
}

// hasLength tells whether a request says where its body ends.
func hasLength(r *http.Request) bool {
	return r.ContentLength != 0 || r.Header.Get("Content-Length") != "" || len(r.TransferEncoding) > 0
}

// deleteAll runs the lines: neighbours of one container together, containers
// when their turn comes.
func (b *bulk) deleteAll(ctx context.Context, lines []string) {
	for from := 0; from < len(lines) && len(b.failures) < maxBulkFailures; {
		container, object, ok := deleteTarget(lines[from])
		if !ok {
			b.failStatus(lines[from], http.StatusPreconditionFailed)
		}
		if object == "" {
			if ok {
				b.count(lines[from], b.face.containers.Delete(ctx, gateway.Ref{Account: b.account, Container: container}))
			}
			from++
			continue
		}
		names := []string{object}
		to := from + 1
		for ; to < len(lines); to++ {
			next, name, ok := deleteTarget(lines[to])
			if !ok || next != container || name == "" {
				break
			}
			names = append(names, name)
		}
		results := b.face.objects.DeleteMany(ctx, gateway.Ref{Account: b.account, Container: container}, names)
		for i, err := range results {
			b.count(lines[from+i], err)
		}
		from = to
	}
}

// count notes what became of a deletion. Names that cannot be are not found.
func (b *bulk) count(line string, err error) {
	switch reason := errs.ReasonOf(err); {
	case err == nil:
		b.deleted++
	case errs.Of(err) == errs.NotFound, reason == errs.NameTooLong, reason == errs.BadName:
		b.missing++
	default:
		b.fail(line, err)
	}
}

// deleteTarget splits a decoded line, [/]container[/object]. It returns false
// for what is no UTF-8 or holds a NUL.
func deleteTarget(line string) (container, object string, ok bool) {
	if !utf8.ValidString(line) || strings.IndexByte(line, 0) >= 0 {
		return "", "", false
	}
	container, object, _ = strings.Cut(strings.TrimPrefix(line, "/"), "/")
	return container, object, true
}

var (
	errTooManyLines = errors.New("too many lines")
	errLongLine     = errors.New("a line is too long")
)

// deleteLines reads the lines of a bulk deletion, decoded; empty ones are left
// out. More than maxDeletes is errTooManyLines. A line that is longer than any
// name could be ends them with errLongLine; those before it are returned.
func deleteLines(from io.Reader) ([]string, error) {
	var lines []string
	r := bufio.NewReaderSize(from, maxDeleteLine)
	blanks := 0
	for {
		raw, err := r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		line := strings.Trim(string(raw), " \t\r\n")
		if err != nil && err != io.EOF && !long {
			return nil, err
		}
		switch {
		case line == "":
			blanks++
		case long:
			return lines, errLongLine
		}
		if line != "" {
			line, _ = httpkit.Unescape(line, false)
			lines = append(lines, line)
		}
		if len(lines) > maxDeletes || blanks > maxDeletes {
			return nil, errTooManyLines
		}
		if err == io.EOF {
			return lines, nil
		}
	}
}
