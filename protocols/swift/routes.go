package swift

import (
	"net/http"

	"github.com/gorilla/mux"

	"entrepot/protocols/internal/httpkit"
)

// A mounted route is one top-level path of the door.
type mounted struct {
	match mux.MatcherFunc
	serve http.HandlerFunc
	rules []httpkit.Rule
}

// routes lists the door's top-level paths with what each of their resources
// asks of callers. A method or a query with a meaning of its own that is added
// to a resource is added here too.
func (f *Face) routes() []mounted {
	return []mounted{
		{below("/v1"), f.storage, storageRules("/v1")},
		{below("/v1.0"), f.storage, storageRules("/v1.0")},
		{otherVersion, f.storage, []httpkit.Rule{{Path: "/v{other}/AUTH_{account}", Methods: httpkit.AnyMethod, Access: httpkit.Public}}},
		{below("/auth"), f.login, []httpkit.Rule{
			{Path: "/auth/v1.0", Methods: "GET", Access: httpkit.Login},
			{Path: "/auth/v1/{account}/auth", Methods: "GET", Access: httpkit.Login},
		}},
		{below("/info"), f.serveInfo, []httpkit.Rule{{Path: "/info", Methods: "GET HEAD OPTIONS", Access: httpkit.Public}}},
		{below("/healthcheck"), f.serveHealth, []httpkit.Rule{{Path: "/healthcheck", Methods: httpkit.AnyMethod, Access: httpkit.Public}}},
	}
}

// storageRules are the access rules below /v1 and its alias. A POST of a form
// to a container or an object asks for the form's signature instead.
func storageRules(root string) []httpkit.Rule {
	account := root + "/AUTH_{account}"
	container := account + "/{container}"
	object := container + "/{object}"
	return []httpkit.Rule{
		{Path: account, Methods: "GET HEAD POST", Access: httpkit.Caller},
		{Path: account, Methods: "PUT DELETE", Access: httpkit.Admin},
		{Path: account, Methods: "OPTIONS", Access: httpkit.Public},
		{Path: container, Methods: "GET HEAD PUT POST DELETE", Access: httpkit.Caller},
		{Path: container, Methods: "OPTIONS", Access: httpkit.Public},
		{Path: object, Methods: "GET HEAD PUT POST DELETE COPY", Access: httpkit.Caller},
		{Path: object, Methods: "OPTIONS", Access: httpkit.Public},
		{Path: object + "?temp_url_sig&temp_url_expires", Methods: "GET HEAD PUT POST DELETE", Access: httpkit.Signature},
		{Path: container + "?versions", Methods: "GET", Access: httpkit.Caller},
		{Path: account + "?bulk-delete", Methods: "POST DELETE", Access: httpkit.Entries},
		{Path: account + "?extract-archive=tar", Methods: "PUT", Access: httpkit.Entries},
		{Path: container + "?extract-archive=tar", Methods: "PUT", Access: httpkit.Entries},
		{Path: object + "?extract-archive=tar", Methods: "PUT", Access: httpkit.Entries},
		{Path: object + "?multipart-manifest=put", Methods: "PUT", Access: httpkit.Caller},
		{Path: object + "?multipart-manifest=get", Methods: "GET HEAD COPY", Access: httpkit.Caller},
		{Path: object + "?multipart-manifest=get&format=raw", Methods: "GET HEAD", Access: httpkit.Caller},
		{Path: object + "?multipart-manifest=delete", Methods: "DELETE", Access: httpkit.Caller},
		{Path: object + "?symlink=get", Methods: "GET HEAD COPY", Access: httpkit.Caller},
	}
}
