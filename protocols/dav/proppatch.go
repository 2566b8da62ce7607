package dav

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// A verdict is the status of one property of a PROPPATCH; 0 while nothing is
// wrong with it.
type verdict struct {
	name    propName
	status  int
	element string // precondition element in DAV:
}

// proppatch serves PROPPATCH (RFC 4918 section 9.2): all instructions or none.
func (f *Face) proppatch(q *request) error {
	root, err := readXML(q.r, f.cfg.MaxXMLBytes)
	if err != nil {
		return err
	}
	items, err := decodeProppatch(root)
	if err != nil {
		return err
	}
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	node, ref, err := f.stat(q.ctx(), q.ref, gateway.NodeParts{})
	if err != nil {
		return err
	}
	if node.Past {
		return errs.New("dav.proppatch", errs.Forbidden, protectedProps, "a snapshot does not change")
	}
	for i := range items {
		items[i].known = items[i].hasDigests(&node.Object)
	}
	patch, verdicts := f.judge(items, node.Kind == gateway.NodeContainer)
	patch.Conditions = cond
	if failed(verdicts) {
		if err := f.trees.Check(q.ctx(), ref, cond); err != nil {
			return err
		}
	} else if err := f.trees.PatchProps(q.ctx(), node.Ref, patch); err != nil {
		var full *gateway.PropError
		if !errors.As(err, &full) {
			return err
		}
		verdicts[fullAt(verdicts, full)].status = http.StatusInsufficientStorage
	}
	if !failed(verdicts) && wantsMinimal(q.r.Header) {
		preferred(q.w.Header(), q.r.Header, "return=minimal")
		q.w.Header().Set("Content-Length", "0")
		q.w.WriteHeader(http.StatusOK)
		return nil
	}
	f.sendVerdicts(q, node.Ref, verdicts)
	return nil
}

// fullAt finds the verdict on the property that has no room.
func fullAt(verdicts []verdict, full *gateway.PropError) int {
	name := propName{full.Space, full.Name}
	if full.User {
		name.space = nsUser
	}
	return max(slices.IndexFunc(verdicts, func(v verdict) bool { return v.name == name }), 0)
}

// judge sorts the instructions: into the change that the gateway makes, and
// into verdicts about what it need not be asked for. A property that is set
// or removed twice has one verdict. A container has dead properties only.
func (f *Face) judge(items []patchItem, container bool) (gateway.PropPatch, []verdict) {
	var patch gateway.PropPatch
	var verdicts []verdict
	for _, item := range items {
		v := verdict{name: item.name}
		live := findLive(item.name)
		switch {
		case live == nil && item.name.space == nsUser && isUserName(item.name.local) && !container:
			addUser(&patch, item)
		case live == nil:
			patch.Changes = append(patch.Changes, deadChange(item))
		case item.known:
		case !live.time || f.protected(item):
			v.status, v.element = http.StatusForbidden, "cannot-modify-protected-property"
		case !item.remove:
			t, err := parseModified(item.elem.innerText())
			if err != nil {
				v.status = http.StatusConflict
			}
			patch.Modified = t
		}
		same := slices.IndexFunc(verdicts, func(o verdict) bool { return o.name == item.name })
		if same < 0 {
			verdicts = append(verdicts, v)
		} else if verdicts[same].status == 0 {
			verdicts[same] = v
		}
	}
	return patch, verdicts
}

// hasDigests tells whether an instruction sets oc:checksums to digests that
// are known of the object. rclone does so with every new modification time,
// for servers that forget digests then, and sends the file again when it is
// refused.
func (item patchItem) hasDigests(o *gateway.Object) bool {
	if item.remove || item.name != (propName{nsOwnCloud, "checksums"}) {
		return false
	}
	count := 0
	for e := range item.elem.elements {
		for _, digest := range strings.Fields(e.innerText()) {
			kind, sum, _ := strings.Cut(digest, ":")
			has := map[string]string{"MD5": o.MD5, "SHA1": o.SHA1}[strings.ToUpper(kind)]
			if has == "" || !strings.EqualFold(sum, has) {
				return false
			}
			count++
		}
	}
	return count > 0
}

// protected tells whether an instruction on a modification time is refused:
// getlastmodified cannot be removed, and not be set where the configuration
// protects it.
func (f *Face) protected(item patchItem) bool {
	isLast := item.name == propName{nsDAV, "getlastmodified"}
	return isLast && (item.remove || f.cfg.ProtectModified)
}

func failed(verdicts []verdict) bool {
	return slices.ContainsFunc(verdicts, func(v verdict) bool { return v.status != 0 })
}

// sendVerdicts answers 207 with the verdicts.
func (f *Face) sendVerdicts(q *request, ref gateway.Ref, verdicts []verdict) {
	out := append([]byte(nil), multiOpen...)
	out = append(out, "<D:response><D:href>"...)
	out = f.appendHref(out, q, ref)
	out = append(out, "</D:href>"...)
	out = appendVerdicts(out, verdicts)
	out = append(out, "</D:response>"...)
	out = append(out, multiClose...)
	sendXML(q.w, http.StatusMultiStatus, out)
}

// appendVerdicts appends the properties grouped by status, in the order in
// which each status first occurs. When anything failed, what did not is 424
// (RFC 4918 section 11.4).
func appendVerdicts(out []byte, verdicts []verdict) []byte {
	rest := http.StatusOK
	if failed(verdicts) {
		rest = http.StatusFailedDependency
	}
	for i := range verdicts {
		if verdicts[i].status == 0 {
			verdicts[i].status = rest
		}
	}
	for i, v := range verdicts {
		if slices.ContainsFunc(verdicts[:i], func(o verdict) bool { return o.status == v.status }) {
			continue
		}
		out = appendGroup(out, v.status, v.element, verdicts[i:])
	}
	return out
}

// appendGroup appends the propstat of one status.
func appendGroup(out []byte, status int, element string, verdicts []verdict) []byte {
	out = append(out, propstatOpen...)
	for _, v := range verdicts {
		if v.status == status {
			out = appendEmpty(out, v.name)
		}
	}
	out = append(out, "</D:prop><D:status>HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(append(out, ' '), http.StatusText(status)...)
	out = append(out, "</D:status>"...)
	if element != "" {
		out = append(append(append(out, "<D:error><D:"...), element...), "/></D:error>"...)
	}
	return append(out, "</D:propstat>"...)
}
