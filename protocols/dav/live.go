package dav

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Namespaces of properties beside DAV: that this face understands.
const (
	nsMicrosoft = "urn:schemas-microsoft-com:"
	nsOwnCloud  = "http://owncloud.org/ns"
)

// Live properties come from the node itself. A live property appends its
// element and tells whether the node has it; nothing is opened and nothing
// guessed to answer one.
type liveProp struct {
	name propName
	// all marks the properties of RFC 4918 section 15, which allprop shows;
	// the others must be named.
	all bool
	// time marks properties that PROPPATCH sets the modification time with.
	time bool
	// costly parts of the node that the property needs.
	locks bool
	value func(out []byte, v *view, n *gateway.Node) ([]byte, bool)
}

// liveProps is the face's table of live properties, in the order in which
// allprop shows them. All but those with time are protected.
var liveProps = []liveProp{
	{name: propName{nsDAV, "resourcetype"}, all: true, value: appendResourceType},
	{name: propName{nsDAV, "displayname"}, all: true, value: appendDisplayName},
	{name: propName{nsDAV, "getcontentlength"}, all: true, value: appendContentLength},
	{name: propName{nsDAV, "getcontenttype"}, all: true, value: appendContentType},
	{name: propName{nsDAV, "getetag"}, all: true, value: appendGetETag},
	{name: propName{nsDAV, "getlastmodified"}, all: true, time: true, value: timeProp("D:getlastmodified", "", true)},
	{name: propName{nsDAV, "creationdate"}, all: true, value: appendCreationDate},
	{name: propName{nsDAV, "getcontentlanguage"}, all: true, value: appendContentLanguage},
	{name: propName{nsDAV, "supportedlock"}, all: true, value: appendSupportedLock},
	{name: propName{nsDAV, "lockdiscovery"}, all: true, locks: true, value: appendLockDiscovery},
	{name: propName{nsDAV, "quota-available-bytes"}, value: appendQuotaAvailable},
	{name: propName{nsDAV, "quota-used-bytes"}, value: appendQuotaUsed},
	{name: propName{nsDAV, "current-user-principal"}, value: appendPrincipal},
	{name: propName{nsDAV, "current-user-privilege-set"}, value: appendPrivileges},
	{name: propName{nsDAV, "owner"}, value: appendOwner},
	{name: propName{nsDAV, "supported-report-set"}, value: constantProp("<D:supported-report-set/>")},
	{name: propName{nsDAV, "lastmodified"}, time: true, value: timeProp("D:lastmodified", "", false)},
	{name: propName{nsMicrosoft, "Win32LastModifiedTime"}, time: true,
		value: timeProp("Z:Win32LastModifiedTime", ` xmlns:Z="`+nsMicrosoft+`"`, true)},
	{name: propName{nsOwnCloud, "checksums"}, value: appendChecksums},
	{name: propName{nsOwnCloud, "size"}, value: appendOwnCloudSize},
}

// findLive returns the live property of that name, or nil.
func findLive(name propName) *liveProp {
	for i := range liveProps {
		if liveProps[i].name == name {
			return &liveProps[i]
		}
	}
	return nil
}

// supportedLock names both kinds of write lock; scope and type are siblings
// (RFC 4918 section 15.10).
const supportedLock = "<D:supportedlock>" +
	"<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>" +
	"<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>" +
	"</D:supportedlock>"

func appendSupportedLock(out []byte, v *view, n *gateway.Node) ([]byte, bool) {
	if n.Past || v.face.cfg.ReadOnly {
		return append(out, "<D:supportedlock/>"...), true
	}
	return append(out, supportedLock...), true
}

func constantProp(xml string) func([]byte, *view, *gateway.Node) ([]byte, bool) {
	return func(out []byte, _ *view, _ *gateway.Node) ([]byte, bool) { return append(out, xml...), true }
}

// timeProp shows the user-visible modification time, as an HTTP date or in
// seconds since 1970.
func timeProp(tag, decl string, date bool) func([]byte, *view, *gateway.Node) ([]byte, bool) {
	return func(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
		if n.Modified.IsZero() {
			return out, false
		}
		out = append(append(append(append(out, '<'), tag...), decl...), '>')
		if date {
			out = httpkit.AppendHTTPDate(out, n.Modified)
		} else {
			out = strconv.AppendInt(out, n.Modified.Unix(), 10)
		}
		return append(append(append(out, "</"...), tag...), '>'), true
	}
}

func appendResourceType(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	if n.Folder() {
		return append(out, "<D:resourcetype><D:collection/></D:resourcetype>"...), true
	}
	return append(out, "<D:resourcetype/>"...), true
}

func appendDisplayName(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	out = append(out, "<D:displayname>"...)
	out = appendText(out, n.Name())
	return append(out, "</D:displayname>"...), true
}

func appendContentLength(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	if n.Folder() {
		return out, false
	}
	out = append(out, "<D:getcontentlength>"...)
	out = strconv.AppendInt(out, n.Object.Size, 10)
	return append(out, "</D:getcontentlength>"...), true
}

// folderType is the media type that collections have shown since Apache's
// first WebDAV module.
const folderType = "httpd/unix-directory"

func appendContentType(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	kind := folderType
	if !n.Folder() {
		if kind = n.Object.ContentType; kind == "" {
			return out, false
		}
	}
	out = append(out, "<D:getcontenttype>"...)
	out = appendText(out, kind)
	return append(out, "</D:getcontenttype>"...), true
}

// appendGetETag shows exactly the bytes of the ETag header. Collections have
// none: no cheap value changes with every member.
func appendGetETag(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	tag := n.Object.ETag()
	if n.Folder() || tag == "" {
		return out, false
	}
	out = append(out, `<D:getetag>"`...)
	out = appendText(out, tag)
	return append(out, `"</D:getetag>`...), true
}

func appendCreationDate(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	if n.Created.IsZero() {
		return out, false
	}
	out = append(out, "<D:creationdate>"...)
	out = httpkit.AppendDateTime(out, n.Created)
	return append(out, "Z</D:creationdate>"...), true
}

func appendContentLanguage(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	language := n.Object.Headers["content-language"]
	if n.Folder() || language == "" {
		return out, false
	}
	out = append(out, "<D:getcontentlanguage>"...)
	out = appendText(out, language)
	return append(out, "</D:getcontentlanguage>"...), true
}

func appendLockDiscovery(out []byte, v *view, n *gateway.Node) ([]byte, bool) {
	if len(n.Locks) == 0 {
		return append(out, "<D:lockdiscovery/>"...), true
	}
	out = append(out, "<D:lockdiscovery>"...)
	for i := range n.Locks {
		out = v.appendActiveLock(out, &n.Locks[i])
	}
	return append(out, "</D:lockdiscovery>"...), true
}

// appendActiveLock appends RFC 4918 section 14.1's element. The timeout is
// what remains, and the root is the path that clients know, percent-encoded.
func (v *view) appendActiveLock(out []byte, l *gateway.Lock) []byte {
	scope, reach := "shared", "0"
	if l.Exclusive {
		scope = "exclusive"
	}
	if l.Infinite {
		reach = "infinity"
	}
	out = append(out, "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:"...)
	out = append(append(out, scope...), "/></D:lockscope><D:depth>"...)
	out = append(append(out, reach...), "</D:depth>"...)
	out = append(out, l.Owner...)
	out = append(out, "<D:timeout>Second-"...)
	remaining := (l.Expires.Sub(v.now) + time.Second - 1) / time.Second
	out = strconv.AppendInt(out, int64(max(remaining, 1)), 10)
	out = append(out, "</D:timeout><D:locktoken><D:href>"...)
	out = appendText(out, l.Token)
	out = append(out, "</D:href></D:locktoken><D:lockroot><D:href>"...)
	out = v.face.appendHref(out, v.req, l.Root)
	return append(out, "</D:href></D:lockroot></D:activelock>"...)
}

func appendQuotaAvailable(out []byte, v *view, n *gateway.Node) ([]byte, bool) {
	q, ok := v.quota(n)
	if !ok {
		return out, false
	}
	out = append(out, "<D:quota-available-bytes>"...)
	out = strconv.AppendInt(out, max(q.Available, 0), 10)
	return append(out, "</D:quota-available-bytes>"...), true
}

func appendQuotaUsed(out []byte, v *view, n *gateway.Node) ([]byte, bool) {
	q, ok := v.quota(n)
	if !ok {
		return out, false
	}
	out = append(out, "<D:quota-used-bytes>"...)
	out = strconv.AppendInt(out, max(q.Used, 0), 10)
	return append(out, "</D:quota-used-bytes>"...), true
}

// appendPrincipal shows who asks as the root of the caller's tree (RFC 5397).
func appendPrincipal(out []byte, v *view, _ *gateway.Node) ([]byte, bool) {
	if v.req.who.Account == "" {
		return append(out, "<D:current-user-principal><D:unauthenticated/></D:current-user-principal>"...), true
	}
	out = append(out, "<D:current-user-principal><D:href>"...)
	out = v.face.appendHref(out, v.req, gateway.Ref{Account: v.req.who.Account})
	return append(out, "</D:href></D:current-user-principal>"...), true
}

// appendPrivileges shows what the caller may do (RFC 3744 section 5.4).
func appendPrivileges(out []byte, v *view, n *gateway.Node) ([]byte, bool) {
	names := []string{"read"}
	if n.Access.Write && !v.face.cfg.ReadOnly {
		names = append(names, "write", "write-content", "write-properties", "bind", "unbind", "unlock")
	}
	out = append(out, "<D:current-user-privilege-set>"...)
	for _, name := range names {
		out = append(append(append(out, "<D:privilege><D:"...), name...), "/></D:privilege>"...)
	}
	return append(out, "</D:current-user-privilege-set>"...), true
}

func appendOwner(out []byte, v *view, n *gateway.Node) ([]byte, bool) {
	out = append(out, "<D:owner><D:href>"...)
	out = v.face.appendHref(out, v.req, gateway.Ref{Account: n.Ref.Account})
	return append(out, "</D:href></D:owner>"...), true
}

// appendChecksums shows the digests that are known, in ownCloud's form.
func appendChecksums(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	if n.Folder() || (n.Object.MD5 == "" && n.Object.SHA1 == "") {
		return out, false
	}
	out = append(out, `<o:checksums xmlns:o="`+nsOwnCloud+`"><o:checksum>`...)
	if n.Object.SHA1 != "" {
		out = append(append(out, "SHA1:"...), n.Object.SHA1...)
	}
	if n.Object.MD5 != "" {
		if n.Object.SHA1 != "" {
			out = append(out, ' ')
		}
		out = append(append(out, "MD5:"...), n.Object.MD5...)
	}
	return append(out, "</o:checksum></o:checksums>"...), true
}

func appendOwnCloudSize(out []byte, _ *view, n *gateway.Node) ([]byte, bool) {
	if n.Folder() {
		return out, false
	}
	out = append(out, `<o:size xmlns:o="`+nsOwnCloud+`">`...)
	out = strconv.AppendInt(out, n.Object.Size, 10)
	return append(out, "</o:size>"...), true
}

// parseModified reads the value of a property that sets the modification
// time: an HTTP date, RFC 3339, or seconds since 1970.
func parseModified(value string) (time.Time, error) {
	value = strings.TrimSpace(value)
	if t, err := http.ParseTime(value); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return t.UTC(), nil
	}
	if t, ok := parseEpoch(value); ok {
		return t, nil
	}
	return time.Time{}, errs.New("dav.proppatch", errs.Conflict, "", "the value is not a time")
}
