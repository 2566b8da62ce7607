package swift

import (
	"net/http"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A copyCall is a copy whose both ends are known.
type copyCall struct {
	source, target gateway.Ref
	sourceAccount  string // as it is shown, with its prefix
	conditions     gateway.Conditions
	onTarget       gateway.Conditions
}

// copyObject answers COPY: the object goes to where Destination says.
func (f *Face) copyObject(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := checkHeaders(r, c.Ref); err != nil {
		return err
	}
	values := r.Header["Destination"]
	if joined(values) == "" {
		return refuse(http.StatusPreconditionFailed, "Destination header required")
	}
	target, _, err := f.otherEnd(r, c, "Destination", joined(values))
	if err != nil {
		return err
	}
	return f.copy(w, r, copyCall{
		source: c.Ref, target: target, sourceAccount: c.shown, conditions: conditionsOf(r.Header),
	})
}

// putCopy answers a PUT with X-Copy-From: the object comes from there. A
// version in the query is the source's.
func (f *Face) putCopy(w http.ResponseWriter, r *http.Request, c *call, from string) error {
	source, account, err := f.otherEnd(r, c, "X-Copy-From", from)
	if err != nil {
		return err
	}
	call := copyCall{source: source, target: c.Ref, sourceAccount: account, conditions: conditionsOf(r.Header)}
	call.source.Version, call.target.Version = c.Version, ""
	if joined(r.Header["If-None-Match"]) == "*" { // means the object that is put, as in any PUT
		call.onTarget.IfNoneMatch, call.conditions.IfNoneMatch = call.conditions.IfNoneMatch, nil
	}
	return f.copy(w, r, call)
}

// otherEnd reads the header that names the other object of a copy, and the
// one that names its account; without it, it is the account of the path.
func (f *Face) otherEnd(r *http.Request, c *call, header, value string) (ref gateway.Ref, shown string, err error) {
	if strings.Contains(value, "://") { // what is copied is here: nothing is fetched
		return gateway.Ref{}, "", refuse(http.StatusBadRequest, header+" header must not be a URL")
	}
	container, object, ok := httpkit.SplitSwiftCopy(value)
	if !ok {
		return gateway.Ref{}, "", refuse(http.StatusPreconditionFailed,
			header+" header must be of the form <container name>/<object name>")
	}
	ref, shown = gateway.Ref{Account: c.Account, Container: container, Object: object}, c.shown
	if values := r.Header[header+"-Account"]; joined(values) != "" {
		if shown, ok = httpkit.Unescape(joined(values), false); !ok || strings.ContainsAny(shown, "/\x00") {
			return gateway.Ref{}, "", refuse(http.StatusPreconditionFailed, "Account name cannot contain slashes")
		}
		if ref.Account, err = accountName(r.Context(), shown); err != nil {
			return gateway.Ref{}, "", err
		}
	}
	if r.ContentLength != 0 {
		return gateway.Ref{}, "", refuse(http.StatusBadRequest, "Copy requests require a zero byte body")
	}
	return ref, shown, nil
}

// copy makes the copy.
func (f *Face) copy(w http.ResponseWriter, r *http.Request, c copyCall) error {
	m, err := f.metaOf(r)
	if err != nil {
		return err
	}
	if m.detect {
		m.contentType = gateway.TypeOf(c.target.Object)
	}
	fresh := isTrue(r.Header.Get("X-Fresh-Metadata"))
	query := modeOf(r)
	opt := gateway.CopyOptions{
		Manifest: query.manifest == "get", Link: query.link, MaxSize: f.cfg.MaxObjectSize,
		Fresh: fresh, ContentType: m.contentType, Headers: m.headers, Properties: m.properties,
		DeleteAt: m.deleteAt, NoExpiry: r.Header.Get("X-Remove-Delete-At") != "", Source: c.conditions, Target: c.onTarget,
	}
	if set, ok := httpkit.ParseRange(r.Header.Get("Range")); ok {
		opt.Part = func(size int64) (off, n int64, err error) { return onePart(set, size) }
	}
	source, result, err := f.objects.Copy(r.Context(), c.source, c.target, opt)
	if err != nil {
		return err
	}
	return copied(w, &c, &source, &result.Object)
}

// onePart chooses the run of a source of so many bytes that is copied.
func onePart(set httpkit.RangeSet, size int64) (off, n int64, err error) {
	spans, err := set.For(size)
	switch {
	case err != nil:
		return 0, 0, err
	case len(spans) > 1:
		return 0, 0, refuse(http.StatusBadRequest, "A copy takes one range only")
	case len(spans) == 0:
		return 0, size, nil
	}
	return spans[0].Off, spans[0].Len, nil
}

// copied answers 201 with where the copy came from and what it carries.
func copied(w http.ResponseWriter, c *copyCall, source, obj *gateway.Object) error {
	a := newAnswer(w, len(obj.Properties)+9)
	a.set("X-Copied-From", httpkit.EscapePath(c.source.Container+"/"+c.source.Object))
	a.set("X-Copied-From-Account", httpkit.EscapePath(c.sourceAccount))
	a.set("X-Copied-From-Last-Modified", httpkit.HTTPTime(source.Timestamp))
	if source.Version != "" {
		a.set("X-Copied-From-Version-Id", source.Version)
	}
	a.setProperties(objectMeta, obj.Properties)
	if !obj.DeleteAt.IsZero() {
		a.setInt("X-Delete-At", obj.DeleteAt.Unix())
	}
	return stored(w, obj)
}

func errTooLarge() error { return errs.New("swift.put", errs.TooLarge, "", "") }
