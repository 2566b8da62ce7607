package depot

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"entrepot/gateway/errs"
)

// body reads the whole body: bounded in size and time, and as it was sent. The
// Content-Type is not looked at, since the manual's own example posts XML as a
// form; nothing here may parse a form.
func (f *Face) body(w http.ResponseWriter, r *http.Request) (body []byte, status int, err error) {
	const op = "depot.body"
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, http.StatusUnsupportedMediaType, errs.New(op, errs.Invalid, "", "A body is understood as it is only, not encoded.")
	}
	if r.ContentLength > f.cfg.MaxBody {
		return nil, http.StatusRequestEntityTooLarge, tooLarge()
	}
	stop := f.limitTime(w)
	body, err = io.ReadAll(io.LimitReader(r.Body, f.cfg.MaxBody+1))
	stop()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, http.StatusRequestTimeout, errs.New(op, errs.Incomplete, "", "The body did not arrive in time.")
	case err != nil:
		return nil, http.StatusBadRequest, errs.New(op, errs.Incomplete, "", "The body did not arrive whole.")
	case int64(len(body)) > f.cfg.MaxBody:
		return nil, http.StatusRequestEntityTooLarge, tooLarge()
	}
	return body, 0, nil
}

func tooLarge() error {
	return errs.New("depot.body", errs.TooLarge, "", "The body is too large.")
}

// limitTime ends the reading of the body when it takes too long; stop ends the
// limit. The connection's own deadline may roll on with each byte: this one
// does not.
func (f *Face) limitTime(w http.ResponseWriter) (stop func()) {
	control := http.NewResponseController(w)
	timer := time.AfterFunc(f.cfg.BodyTimeout, func() {
		_ = control.SetReadDeadline(time.Unix(1, 0)) // a recorder in a test has none
	})
	return func() {
		if !timer.Stop() {
			_ = control.SetReadDeadline(time.Time{})
		}
	}
}

// readSome reads until p is full or r ends, and how it ends does not matter.
func readSome(r io.Reader, p []byte) int {
	n, _ := io.ReadFull(r, p)
	return n
}
