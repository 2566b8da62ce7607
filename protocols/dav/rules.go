package dav

import (
	"strings"

	"entrepot/protocols/internal/httpkit"
)

const (
	readMethods = "GET HEAD PROPFIND"
	treeMethods = "GET HEAD PUT DELETE MKCOL COPY MOVE LOCK UNLOCK PROPFIND PROPPATCH"
)

// rules are the access rules of a mount: of the listing of containers, of a
// container, and of what lies in one, where further methods are served.
func (m *mount) rules(further ...string) []httpkit.Rule {
	treeMethods := strings.Join(append([]string{treeMethods}, further...), " ")
	root := m.path + "/"
	paths := []string{root, root + "{container}", root + "{container}/{object}"}
	methods := []string{readMethods, treeMethods, treeMethods}
	switch {
	case m.uploads:
		root += "{login}/{upload}"
		paths, methods = []string{root, root + "/{piece}"}, []string{"MKCOL DELETE PROPFIND", "PUT MOVE DELETE PROPFIND"}
	case m.login:
		root += "{login}/"
		paths = []string{root, root + "{container}", root + "{container}/{object}"}
	case m.part != "":
		paths, methods = []string{m.path, root + "{object}"}, []string{treeMethods, treeMethods}
	}
	var rules []httpkit.Rule
	for i, path := range paths {
		rules = append(rules, httpkit.Rule{Path: path, Methods: methods[i], Access: httpkit.Caller})
	}
	for _, path := range paths {
		rules = append(rules, httpkit.Rule{Path: path, Methods: "OPTIONS", Access: httpkit.Public})
	}
	return rules
}
