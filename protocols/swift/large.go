package swift

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Large objects (OpenStack Object Storage API v1, "Large objects") and
// symbolic links: what the query of a request on an object asks for besides
// the object that a reader gets.

// mode is what a query asks for.
type mode struct {
	manifest  string // multipart-manifest: "put", "get", "delete"
	raw       bool   // format=raw, with get
	heartbeat bool   // with put
	link      bool   // symlink=get: the link itself
}

// modeOf reads the parameters that choose a mode.
func modeOf(r *http.Request) (m mode) {
	for key, value := range params(r.URL.RawQuery) {
		switch key {
		case "multipart-manifest":
			m.manifest = strings.ToLower(value)
		case "format":
			m.raw = strings.EqualFold(value, "raw")
		case "heartbeat":
			m.heartbeat = isTrue(value)
		case "symlink":
			m.link = strings.EqualFold(value, "get")
		}
	}
	return m
}

// read says what a GET or HEAD in the mode returns.
func (m mode) read(h http.Header) gateway.ReadOptions {
	return gateway.ReadOptions{Conditions: conditionsOf(h), Manifest: m.manifest == "get", Link: m.link}
}

// setLarge shows what an object stands for.
func (a *answer) setLarge(o *gateway.Object) {
	if o.Large == gateway.Static {
		a.set("X-Static-Large-Object", "True")
		if !o.Manifest {
			a.set("X-Manifest-Etag", o.ManifestMD5)
		}
	}
	if o.Target.Object != "" {
		a.set("Content-Location", "/v1/"+accountPrefix+httpkit.EscapePath(o.Target.Account+"/"+o.Target.Container+"/"+o.Target.Object))
	}
	if o.Link != nil {
		a.set("X-Symlink-Target", httpkit.EscapePath(o.Link.Container+"/"+o.Link.Object))
		if o.Link.ETag != "" {
			a.set("X-Symlink-Target-Etag", o.Link.ETag)
			a.setInt("X-Symlink-Target-Bytes", o.Link.Size)
		}
	}
}

// shownType is the content type that an object has in an answer.
func shownType(o *gateway.Object) string {
	if o.Manifest && o.Large == gateway.Static {
		return jsonFormat.contentType()
	}
	return o.ContentType
}

// getRawManifest answers with a manifest in the form in which it is put.
func (f *Face) getRawManifest(w http.ResponseWriter, r *http.Request, c *call, opt gateway.ReadOptions) error {
	obj, list, err := f.objects.Manifest(r.Context(), c.Ref, opt)
	if err != nil {
		return f.unchanged(w, r, &obj, err)
	}
	text := rawManifest(list)
	sum := md5.Sum(text)
	a := newAnswer(w, room(&obj)+3)
	a.setObject(&obj)
	a.set("Etag", hex.EncodeToString(sum[:]))
	writeBody(w, r, http.StatusOK, obj.ContentType, string(text))
	return nil
}

func manifestTooLong() error {
	return refuse(http.StatusRequestEntityTooLarge, "Manifest File > "+strconv.Itoa(maxManifestSize)+" bytes")
}

// putManifest stores a static large object.
func (f *Face) putManifest(w http.ResponseWriter, r *http.Request, c *call, m mode) error {
	const allow = "GET, DELETE, PUT, OPTIONS, HEAD, POST, COPY"
	switch {
	case r.Header.Get("X-Copy-From") != "":
		return notAllowed(allow, "Multipart Manifest PUTs cannot be COPY requests")
	case r.ContentLength > maxManifestSize:
		return manifestTooLong()
	case !hasLength(r):
		return refuse(http.StatusLengthRequired, "")
	}
	opt, err := f.putOptions(r)
	if err != nil {
		return err
	}
	opt.Size = -1 // that of the body is not that of what is stored
	if err := f.objects.CheckPut(r.Context(), c.Ref, opt); err != nil {
		return err
	}
	text, err := manifestText(r)
	if err != nil {
		return err
	}
	list, err := parseManifest(text, c.Ref)
	if err == nil {
		err = gateway.CheckManifest(list)
	}
	if err != nil {
		return err
	}
	store := func(ctx context.Context) (gateway.PutResult, error) {
		return f.objects.PutManifest(ctx, c.Ref, list, opt)
	}
	if m.heartbeat {
		return f.putWithHeartbeat(w, r, store)
	}
	result, err := store(r.Context())
	var refused *gateway.ManifestError
	if errors.As(err, &refused) {
		mediaType, _ := reportTypeOf(r.Header["Accept"])
		httpkit.EventOf(r.Context()).Err = err
		writeBody(w, r, http.StatusBadRequest, mediaType, string(segmentReport(refused).append(nil, mediaType)))
		return nil
	}
	if err != nil {
		return err
	}
	return stored(w, &result.Object)
}

// manifestText reads the body of a PUT of a manifest.
func manifestText(r *http.Request) ([]byte, error) {
	b := &body{from: r.Body, left: maxManifestSize}
	text, err := io.ReadAll(b)
	switch {
	case errors.Is(err, errBodyTooLarge):
		return nil, manifestTooLong()
	case err == nil && r.ContentLength >= 0 && int64(len(text)) != r.ContentLength:
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, bodyFailure(errs.Wrap("swift.putManifest", errs.Incomplete, "", err), b)
	}
	return text, nil
}

// segmentFaults are the words for segments that are not what was said of them.
var segmentFaults = map[gateway.SegmentFault]string{
	gateway.TagDiffers:   "Etag Mismatch",
	gateway.SizeDiffers:  "Size Mismatch",
	gateway.RangeOutside: "Unsatisfiable Range",
	gateway.TooSmall:     "Too small; each segment must be at least 1 byte.",
}

// segmentReport lists the segments that cannot be joined.
func segmentReport(refused *gateway.ManifestError) *report {
	p := &report{root: "upload"}
	for _, problem := range refused.Problems {
		status := segmentFaults[problem.Fault]
		if problem.Err != nil {
			status = statusLine(statusOf(problem.Err))
		}
		p.fail(httpkit.EscapePath(problem.Path), status)
	}
	return p
}

// heartbeatEvery is how often a client is told that its manifest is still
// being looked at.
const heartbeatEvery = 5 * time.Second

// putWithHeartbeat answers 202 at once and goes on sending blanks while the
// manifest is stored; what came of it stands in the report behind them.
func (f *Face) putWithHeartbeat(w http.ResponseWriter, r *http.Request, store func(context.Context) (gateway.PutResult, error)) error {
	mediaType, _ := reportTypeOf(r.Header["Accept"])
	w.Header()["Content-Type"] = []string{mediaType}
	w.WriteHeader(http.StatusAccepted)
	type outcome struct {
		result gateway.PutResult
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := store(r.Context())
		done <- outcome{result, err}
	}()
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	out := http.NewResponseController(w)
	for {
		_, err := io.WriteString(w, " ")
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			httpkit.EventOf(r.Context()).Err = err // the client left; store ends with its context
		}
		select {
		case <-tick.C:
		case end := <-done:
			httpkit.EventOf(r.Context()).Err = end.err
			_, _ = w.Write(heartbeatReport(&end.result.Object, end.err).append([]byte("\r\n\r\n"), mediaType))
			return nil
		}
	}
}

// heartbeatReport is what putWithHeartbeat ends with.
func heartbeatReport(obj *gateway.Object, err error) *report {
	p := &report{root: "upload"}
	if err == nil {
		p.text("Response Status", statusLine(http.StatusCreated))
		p.text("Etag", shownTag(obj))
		p.text("Last Modified", httpkit.HTTPTime(obj.Timestamp))
		p.text("Response Body", "")
		return p
	}
	var refused *gateway.ManifestError
	if errors.As(err, &refused) {
		p = segmentReport(refused)
	}
	status, text := answerTo(err)
	if text == "" {
		text = sentences[status][0] + "\n" + sentences[status][1]
	}
	p.text("Response Status", statusLine(status))
	p.text("Response Body", text)
	return p
}

// deleteManifest removes a static large object with its segments.
func (f *Face) deleteManifest(w http.ResponseWriter, r *http.Request, c *call) error {
	b, ok := f.newBulk(w, r, c, deleteRoot)
	if !ok {
		return nil
	}
	d, err := f.objects.DeleteManifest(r.Context(), c.Ref)
	if err != nil {
		return err
	}
	b.deleted, b.missing = d.Deleted, d.Missing
	for _, problem := range d.Problems {
		name := "/" + problem.Ref.Container + "/" + problem.Ref.Object
		if errs.ReasonOf(problem.Err) == errs.BadSegment {
			b.failures = append(b.failures, reportError{httpkit.EscapePath(name), errs.TextOf(problem.Err)})
			continue
		}
		b.fail(name, problem.Err)
	}
	if len(d.Problems) >= gateway.MaxProblems {
		b.answer(w, r, deleteRoot, http.StatusBadRequest, "Max delete failures exceeded")
		return nil
	}
	b.answer(w, r, deleteRoot, 0, "")
	return nil
}
