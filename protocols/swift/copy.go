package swift

import (
	"io"
	"maps"
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
	if err := checkSupported(r, c.Ref); err != nil {
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

// putCopy answers a PUT with X-Copy-From: the object comes from there.
func (f *Face) putCopy(w http.ResponseWriter, r *http.Request, c *call, from string) error {
	source, account, err := f.otherEnd(r, c, "X-Copy-From", from)
	if err != nil {
		return err
	}
	call := copyCall{source: source, target: c.Ref, sourceAccount: account, conditions: conditionsOf(r.Header)}
	if joined(r.Header["If-None-Match"]) == "*" { // means the object that is put, as in any PUT
		call.onTarget.IfNoneMatch, call.conditions.IfNoneMatch = call.conditions.IfNoneMatch, nil
	}
	return f.copy(w, r, call)
}

// otherEnd reads the header that names the other object of a copy, and the
// one that names its account; without it, it is the account of the path.
func (f *Face) otherEnd(r *http.Request, c *call, header, value string) (ref gateway.Ref, shown string, err error) {
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

// copy makes the copy: by reference, or by content where only a part of the
// source is wanted.
func (f *Face) copy(w http.ResponseWriter, r *http.Request, c copyCall) error {
	m, err := f.metaOf(r)
	if err != nil {
		return err
	}
	if m.detect {
		m.contentType = gateway.TypeOf(c.target.Object)
	}
	fresh := isTrue(r.Header.Get("X-Fresh-Metadata"))
	var source gateway.Object
	var result gateway.PutResult
	if set, ok := httpkit.ParseRange(r.Header.Get("Range")); ok {
		source, result, err = f.copyPart(r, &c, set, m, fresh)
	} else {
		source, result, err = f.objects.Copy(r.Context(), c.source, c.target, gateway.CopyOptions{
			Fresh: fresh, ContentType: m.contentType, Headers: m.headers, Properties: m.properties,
			DeleteAt: m.deleteAt, NoExpiry: r.Header.Get("X-Remove-Delete-At") != "", Source: c.conditions, Target: c.onTarget,
		})
	}
	if err != nil {
		return err
	}
	return copied(w, &c, &source, &result.Object)
}

// copyPart stores one range of the source as a new object.
func (f *Face) copyPart(r *http.Request, c *copyCall, set httpkit.RangeSet, m objectMetadata, fresh bool) (gateway.Object, gateway.PutResult, error) {
	source, content, err := f.objects.Open(r.Context(), c.source, c.conditions)
	if err != nil {
		return gateway.Object{}, gateway.PutResult{}, err
	}
	defer content.Close()
	spans, err := set.For(content.Size())
	switch {
	case err != nil:
		return gateway.Object{}, gateway.PutResult{}, err
	case len(spans) > 1:
		return gateway.Object{}, gateway.PutResult{}, refuse(http.StatusBadRequest, "A copy takes one range only")
	case len(spans) == 0:
		spans = []httpkit.Span{{Off: 0, Len: content.Size()}}
	}
	opt := gateway.PutOptions{
		Size: spans[0].Len, ContentType: m.contentType, Headers: m.headers, Properties: m.properties,
		DeleteAt: m.deleteAt, Conditions: c.onTarget,
	}
	if opt.ContentType == "" {
		opt.ContentType = source.ContentType
	}
	if !fresh {
		opt.Headers = merged(source.Headers, m.headers)
		opt.Properties = merged(source.Properties, m.properties)
		if opt.DeleteAt.IsZero() {
			opt.DeleteAt = source.DeleteAt
		}
	}
	result, err := f.objects.Put(r.Context(), c.target, io.NewSectionReader(content, spans[0].Off, spans[0].Len), opt)
	return source, result, err
}

// merged returns base with the changes on top.
func merged(base, changes gateway.Properties) gateway.Properties {
	if len(base) == 0 {
		return changes
	}
	out := maps.Clone(base)
	maps.Copy(out, changes)
	return out
}

// copied answers 201 with where the copy came from and what it carries.
func copied(w http.ResponseWriter, c *copyCall, source, obj *gateway.Object) error {
	a := newAnswer(w, len(obj.Properties)+8)
	a.set("X-Copied-From", httpkit.EscapePath(c.source.Container+"/"+c.source.Object))
	a.set("X-Copied-From-Account", httpkit.EscapePath(c.sourceAccount))
	a.set("X-Copied-From-Last-Modified", httpkit.HTTPTime(source.Timestamp))
	a.setProperties(objectMeta, obj.Properties)
	if !obj.DeleteAt.IsZero() {
		a.setInt("X-Delete-At", obj.DeleteAt.Unix())
	}
	return stored(w, obj)
}

func errTooLarge() error { return errs.New("swift.put", errs.TooLarge, "", "") }
