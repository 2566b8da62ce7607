package duracloud

import "entrepot/protocols/internal/httpkit"

// rules are what the door's resources ask of callers. A method that is added
// to a resource is added here too.
func (f *Face) rules() []httpkit.Rule {
	rule := func(path, methods string) httpkit.Rule {
		return httpkit.Rule{Path: f.cfg.Prefix + path, Methods: methods, Access: httpkit.Caller}
	}
	return []httpkit.Rule{
		rule("/stores", "GET HEAD"),
		rule("/spaces", "GET HEAD"),
		rule("/acl/{container}", "HEAD POST"),
		rule("/audit/{container}", "GET HEAD"),
		rule("/manifest/{container}", "GET HEAD POST"),
		rule("/report/space/{container}", "GET HEAD"),
		rule("/report/store", "GET HEAD"),
		rule("/report/store/{day}", "GET HEAD"),
		rule("/bit-integrity/{container}", "GET HEAD"),
		rule("/task", "GET HEAD"),
		rule("/task/{task}", "POST"),
		rule("/{container}", "GET HEAD PUT DELETE"),
		rule("/{container}/{object}", "GET HEAD PUT POST DELETE"),
	}
}
