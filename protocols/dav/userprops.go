package dav

import (
	"maps"
	"slices"
	"strings"

	"entrepot/gateway"
)

// nsUser is the namespace whose properties are the user properties that every
// door shows: X-Object-Meta-Name, x-dura-meta-name and Name in this namespace
// are one. Only names and values that all doors can carry map; the rest of the
// namespace are dead properties like all others.
const nsUser = "urn:duracloud:meta"

// isUserName tells whether a user property's name can be an element's: lower
// case, as names in that map are.
func isUserName(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z' || c == '_':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return name != ""
}

// userText returns an element's value as a user property: printable ASCII and
// nothing else.
func (e *element) userText() (string, bool) {
	if len(e.attrs) > 0 || e.lang != "" {
		return "", false
	}
	for _, n := range e.children {
		if !n.text {
			return "", false
		}
	}
	text := strings.TrimSpace(e.innerText())
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return "", false
		}
	}
	return text, text != ""
}

// addUser adds the instruction on one property of the mapped namespace to a
// patch. Whichever form the property had before goes.
func addUser(patch *gateway.PropPatch, item patchItem) {
	text, plain := "", false
	if !item.remove {
		text, plain = item.elem.userText()
	}
	patch.User = append(patch.User, gateway.MetaItem{Name: item.name.local, Value: text, Remove: !plain})
	change := deadChange(item)
	change.Remove = item.remove || plain
	patch.Changes = append(patch.Changes, change)
}

// deadChange is the instruction on a dead property.
func deadChange(item patchItem) gateway.PropChange {
	change := gateway.PropChange{Remove: item.remove, Prop: gateway.DeadProp{Space: item.name.space, Name: item.name.local}}
	if !item.remove {
		change.Prop.Value, change.Prop.Lang = item.elem.inner(), item.elem.lang
	}
	return change
}

// userProp returns a node's user property as an element of the namespace.
func userProp(n *gateway.Node, name string) (gateway.DeadProp, bool) {
	value, ok := n.Object.Properties[name]
	if !ok || !isUserName(name) || !inXML(value) {
		return gateway.DeadProp{}, false
	}
	return gateway.DeadProp{Space: nsUser, Name: name, Value: appendText(nil, value)}, true
}

// userProps returns the user properties that allprop and propname show. The
// modification time has properties of its own.
func userProps(n *gateway.Node) []gateway.DeadProp {
	if len(n.Object.Properties) == 0 {
		return nil
	}
	var list []gateway.DeadProp
	for _, name := range slices.Sorted(maps.Keys(n.Object.Properties)) {
		if p, ok := userProp(n, name); ok && name != "mtime" {
			list = append(list, p)
		}
	}
	return list
}

// inXML tells whether XML can carry a text.
func inXML(s string) bool {
	for _, r := range s {
		if r < 0x20 && r != '\t' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}
