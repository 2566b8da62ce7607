package swift

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// An objectMetadata is what a request says about an object besides its bytes.
type objectMetadata struct {
	properties  gateway.Properties
	headers     gateway.Properties
	contentType string // "": none was sent
	detect      bool   // the type is to be found by the name
	deleteAt    time.Time
}

// metaOf reads the headers of a PUT, POST or COPY that describe the object.
func (f *Face) metaOf(r *http.Request) (objectMetadata, error) {
	h := r.Header
	m := objectMetadata{contentType: h.Get("Content-Type"), detect: isTrue(h.Get("X-Detect-Content-Type"))}
	if err := checkContentType(m.contentType); err != nil {
		return objectMetadata{}, err
	}
	var err error
	if m.properties, err = properties(h, objectMeta); err != nil {
		return objectMetadata{}, err
	}
	for _, e := range &entityHeaders {
		values, ok := h[e.wire]
		if !ok {
			continue
		}
		value := joined(values)
		if !utf8.ValidString(value) {
			return objectMetadata{}, badMetadata("Metadata must be valid UTF-8")
		}
		if value == "" {
			continue
		}
		if m.headers == nil {
			m.headers = gateway.Properties{}
		}
		m.headers[e.name] = value
	}
	m.deleteAt, err = deleteAt(h, f.now())
	return m, err
}

// checkContentType refuses types that could not be kept: text that is not
// UTF-8, and parameters that Swift keeps for itself.
func checkContentType(s string) error {
	if s == "" {
		return nil
	}
	if !utf8.ValidString(s) {
		return refuse(http.StatusBadRequest, "Invalid Content-Type")
	}
	_, rest, _ := strings.Cut(s, ";")
	for rest != "" {
		var param string
		param, rest, _ = strings.Cut(rest, ";")
		if name := strings.ToLower(strings.Trim(param, " \t")); strings.HasPrefix(name, "swift_") {
			return refuse(http.StatusBadRequest, "Invalid Content-Type, swift_* is not a valid parameter name.")
		}
	}
	return nil
}

// putObject stores the body as an object, or copies the one that X-Copy-From
// names.
func (f *Face) putObject(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := checkHeaders(r, c.Ref); err != nil {
		return err
	}
	if m := modeOf(r); m.manifest == "put" {
		return f.putManifest(w, r, c, m)
	}
	if from := joined(r.Header["X-Copy-From"]); from != "" {
		return f.putCopy(w, r, c, from)
	}
	if r.ContentLength == 0 && r.Header.Get("Content-Length") == "" && len(r.TransferEncoding) == 0 {
		return refuse(http.StatusLengthRequired, "Missing Content-Length header.")
	}
	if joined(r.Header[linkTarget]) != "" {
		return f.putLink(w, r, c)
	}
	if r.ContentLength > f.cfg.MaxObjectSize {
		return errTooLarge()
	}
	opt, err := f.putOptions(r)
	if err != nil {
		return err
	}
	b := &body{from: r.Body, left: f.cfg.MaxObjectSize}
	result, err := f.objects.Put(r.Context(), c.Ref, b, opt)
	if err != nil {
		return bodyFailure(err, b)
	}
	return stored(w, &result.Object)
}

// putOptions reads what a PUT says about the object and its body.
func (f *Face) putOptions(r *http.Request) (gateway.PutOptions, error) {
	m, err := f.metaOf(r)
	if err != nil {
		return gateway.PutOptions{}, err
	}
	opt := gateway.PutOptions{
		Size: r.ContentLength, ContentType: m.contentType, Headers: m.headers,
		Properties: m.properties, DeleteAt: m.deleteAt, Waiting: r.Header.Get("Expect") != "",
	}
	if m.detect {
		opt.ContentType = ""
	}
	if etag := unquote(r.Header.Get("Etag")); etag != "" {
		opt.Digests = []gateway.Digest{{Algorithm: "md5", Sum: etag}}
	}
	if values, ok := r.Header["If-None-Match"]; ok {
		if joined(values) != "*" {
			return gateway.PutOptions{}, refuse(http.StatusBadRequest, "If-None-Match only supports *")
		}
		opt.Conditions.IfNoneMatch = []string{"*"}
	}
	return opt, nil
}

// stored answers 201 with the version that was made.
func stored(w http.ResponseWriter, obj *gateway.Object) error {
	a := newAnswer(w, 5)
	if obj.Version != "" {
		a.set(versionHeader, obj.Version)
	}
	a.set("Etag", putTag(obj))
	a.set("Last-Modified", httpkit.HTTPTime(obj.Timestamp))
	a.set("Content-Type", htmlType)
	a.set("Content-Length", "0")
	w.WriteHeader(http.StatusCreated)
	return nil
}

// putTag is the entity tag in the answer to a PUT: that of the body where the
// object is evaluated only when it is read.
func putTag(obj *gateway.Object) string {
	if obj.Large == gateway.Dynamic {
		return obj.ManifestMD5
	}
	return shownTag(obj)
}

var errBodyTooLarge = errors.New("body is larger than an object may be")

// A body is what a client sends, up to the largest size of an object. It
// remembers why it ended, so that the answer can tell a slow client from a
// body that is too large. It is read by one goroutine.
type body struct {
	from io.Reader
	left int64
	err  error // other than io.EOF
}

// Read reads; it fails with errBodyTooLarge when more comes than may.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), errBodyTooLarge
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
