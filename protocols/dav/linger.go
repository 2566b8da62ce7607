package dav

import (
	"errors"
	"io"
	"net/http"
)

// lingerBytes is how much of a body is taken in after its request was answered
// with 401. net/http takes in 256 KiB by itself and ends the connection where
// there is more, which a client that writes all before it reads sees as a
// broken connection instead of as a question for its login.
const lingerBytes = 1 << 30

// lingers tells whether a client that sent no login may be writing its body now
// whatever the answer: HTTP/2 can reset the stream, and who asked for leave
// waits for it. A body that is too long is not begun with.
func lingers(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.Header.Get("Authorization") == "" && r.Body != nil && r.Header.Get("Expect") == "" &&
		r.ContentLength != 0 && r.ContentLength <= lingerBytes
}

// linger sends what was answered so far and takes in the rest of the body, so
// that the client gets to read the answer (KDE's KIO sends the first PUT of a
// worker without the login, whole). The front's deadlines bound the time
// between two reads; a body without an end costs its sender as much as us.
//
// Where the body does not come to its end, because it stands still, is too long
// or is no body, the connection is given up: in full duplex net/http does not
// look at how reading ended, and would take what follows for a request.
func linger(w http.ResponseWriter, r *http.Request) {
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, r.Body, lingerBytes+1); !errors.Is(err, io.EOF) {
		panic(http.ErrAbortHandler)
	}
}
