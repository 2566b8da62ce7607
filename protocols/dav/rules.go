package dav

import "entrepot/protocols/internal/httpkit"

// rules are the access rules of the tree: of the listing of containers, of a
// container, and of what lies in one.
func (f *Face) rules() []httpkit.Rule {
	root := f.cfg.Prefix + "/"
	container := root + "{container}"
	rules := []httpkit.Rule{{Path: root, Methods: "GET HEAD PROPFIND", Access: httpkit.Caller}}
	for _, path := range []string{container, container + "/{object}"} {
		rules = append(rules, httpkit.Rule{
			Path: path, Methods: "GET HEAD PUT DELETE MKCOL COPY MOVE LOCK UNLOCK PROPFIND PROPPATCH", Access: httpkit.Caller,
		})
	}
	for _, path := range []string{root, container, container + "/{object}"} {
		rules = append(rules, httpkit.Rule{Path: path, Methods: "OPTIONS", Access: httpkit.Public})
	}
	return rules
}
