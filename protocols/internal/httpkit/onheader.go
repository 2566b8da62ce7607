package httpkit

import (
	"io"
	"net/http"
)

// OnHeader returns a writer that calls edit once, just before the header is
// sent, with what is about to be sent. Files still go out by sendfile:
// ReadFrom is passed on to w.
func OnHeader(w http.ResponseWriter, edit func(h http.Header, status int)) http.ResponseWriter {
	return &headerEditor{ResponseWriter: w, edit: edit}
}

type headerEditor struct {
	http.ResponseWriter
	edit func(http.Header, int)
}

// WriteHeader edits the header and sends it.
func (e *headerEditor) WriteHeader(status int) {
	e.begin(status)
	e.ResponseWriter.WriteHeader(status)
}

func (e *headerEditor) begin(status int) {
	if e.edit == nil || status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	e.edit(e.Header(), status)
	e.edit = nil
}

// Write sends part of the body.
func (e *headerEditor) Write(p []byte) (int, error) {
	e.begin(http.StatusOK)
	return e.ResponseWriter.Write(p)
}

// ReadFrom sends src.
func (e *headerEditor) ReadFrom(src io.Reader) (int64, error) {
	e.begin(http.StatusOK)
	if to, ok := e.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{e.ResponseWriter}, src)
}

// Unwrap is for http.ResponseController.
func (e *headerEditor) Unwrap() http.ResponseWriter { return e.ResponseWriter }
