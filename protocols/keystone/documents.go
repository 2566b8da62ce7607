package keystone

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"entrepot/auth"
	"entrepot/protocols/internal/httpkit"
)

// timeFormat is how times are written.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// base is the address of the gateway as the client sees it.
func (f *Face) base(r *http.Request) string {
	return httpkit.BaseURL(r, f.cfg.PublicURL, f.cfg.Proxies)
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

type mediaType struct {
	Base string `json:"base"`
	Type string `json:"type"`
}

type version struct {
	ID         string      `json:"id"`
	Status     string      `json:"status"`
	Updated    string      `json:"updated"`
	Links      []link      `json:"links"`
	MediaTypes []mediaType `json:"media-types"`
}

// version3 answers GET /v3 with the version document.
func (f *Face) version3(w http.ResponseWriter, r *http.Request) error {
	return f.version(w, r, "v3.14", "stable", "/v3/", "v3")
}

// version2 answers GET /v2.0 with the version document.
func (f *Face) version2(w http.ResponseWriter, r *http.Request) error {
	return f.version(w, r, "v2.0", "deprecated", "/v2.0/", "v2.0")
}

func (f *Face) version(w http.ResponseWriter, r *http.Request, id, status, path, media string) error {
	writeJSON(w, r, http.StatusOK, map[string]version{"version": {
		ID: id, Status: status, Updated: "2020-04-07T00:00:00Z", Links: []link{{"self", f.base(r) + path}},
		MediaTypes: []mediaType{{"application/json", "application/vnd.openstack.identity-" + media + "+json"}},
	}})
	return nil
}

type endpoint struct {
	ID        string `json:"id"`
	Interface string `json:"interface"`
	Region    string `json:"region"`
	RegionID  string `json:"region_id"`
	URL       string `json:"url"`
}

type service struct {
	ID        string     `json:"id"`
	Type      string     `json:"type"`
	Name      string     `json:"name"`
	Endpoints []endpoint `json:"endpoints"`
}

// stableID gives things that have no record an ID that stays the same.
func stableID(what string) string {
	sum := sha256.Sum256([]byte("entrepot " + what))
	return hex.EncodeToString(sum[:16])
}

// storageURL is where a project's account lies.
func storageURL(base, project string) string {
	return base + "/v1/" + httpkit.EscapePath("AUTH_"+project)
}

// catalog lists the services for a project.
func (f *Face) catalog(r *http.Request, project string) []service {
	base := f.base(r)
	make3 := func(kind, url string) (list []endpoint) {
		for _, i := range []string{"public", "internal", "admin"} {
			list = append(list, endpoint{stableID(kind + i), i, f.cfg.Region, f.cfg.Region, url})
		}
		return list
	}
	return []service{
		{stableID("identity"), "identity", "keystone", make3("identity", base+"/v3")},
		{stableID("object-store"), "object-store", "swift", make3("object-store", storageURL(base, project))},
	}
}

type named struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Domain *domain `json:"domain,omitempty"`
}

type tokenUser struct {
	named
	PasswordExpires *string `json:"password_expires_at"`
}

type token struct {
	Methods   []string  `json:"methods"`
	User      tokenUser `json:"user"`
	AuditIDs  []string  `json:"audit_ids"`
	IssuedAt  string    `json:"issued_at"`
	ExpiresAt string    `json:"expires_at"`
	Project   *named    `json:"project,omitempty"`
	IsDomain  *bool     `json:"is_domain,omitempty"`
	Roles     []named   `json:"roles,omitempty"`
	Catalog   []service `json:"catalog,omitempty"`
}

// theDomain is the one domain, as documents show it.
func theDomain() *domain { return &domain{domainID, domainName} }

// rolesOf are the roles of a user in the words of OpenStack.
func rolesOf(p auth.Principal) (roles []named) {
	words := map[auth.Role][]string{
		auth.RoleAdmin:   {"admin", "ResellerAdmin", "swiftoperator"},
		auth.RoleAuditor: {"reader", "ResellerReader"},
		auth.RoleOwner:   {"member", "swiftoperator"},
		auth.RoleUser:    {"member"},
		auth.RoleViewer:  {"reader"},
	}[p.Role]
	for _, w := range words {
		roles = append(roles, named{ID: stableID("role " + w), Name: w})
	}
	return roles
}

// tokenDocument is the body about a token of version 3.
func (f *Face) tokenDocument(r *http.Request, g grant, withCatalog bool) any {
	sum := sha256.Sum256([]byte("entrepot audit " + g.token.Value))
	doc := token{
		Methods:   []string{g.method},
		User:      tokenUser{named: named{g.who.User, g.who.User, theDomain()}},
		AuditIDs:  []string{base64.RawURLEncoding.EncodeToString(sum[:16])},
		IssuedAt:  f.issuedAt(g.token).UTC().Format(timeFormat),
		ExpiresAt: g.token.Expires.UTC().Format(timeFormat),
	}
	if g.project != "" {
		no := false
		doc.Project, doc.IsDomain, doc.Roles = &named{g.project, g.project, theDomain()}, &no, rolesOf(g.who)
		if withCatalog {
			doc.Catalog = f.catalog(r, g.project)
		}
	}
	return map[string]token{"token": doc}
}

// issuedAt is when a token was issued, as far as its end tells.
func (f *Face) issuedAt(t auth.Token) time.Time {
	at := t.Expires.Add(-f.logins.TokenLife())
	if now := f.now(); at.After(now) {
		return now
	}
	return at
}

// showCatalog answers GET /v3/auth/catalog.
func (f *Face) showCatalog(w http.ResponseWriter, r *http.Request) error {
	_, who, err := f.caller(r)
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, map[string]any{"catalog": f.catalog(r, who.Account), "links": selfLink(f.base(r) + "/v3/auth/catalog")})
	return nil
}

func selfLink(href string) any {
	return struct {
		Next     *string `json:"next"`
		Self     string  `json:"self"`
		Previous *string `json:"previous"`
	}{Self: href}
}

// showProjects answers GET /v3/auth/projects.
func (f *Face) showProjects(w http.ResponseWriter, r *http.Request) error {
	_, who, err := f.caller(r)
	if err != nil {
		return err
	}
	type project struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		DomainID    string `json:"domain_id"`
		Description string `json:"description"`
		Enabled     bool   `json:"enabled"`
		ParentID    string `json:"parent_id"`
		IsDomain    bool   `json:"is_domain"`
	}
	writeJSON(w, r, http.StatusOK, map[string]any{
		"projects": []project{{ID: who.Account, Name: who.Account, DomainID: domainID, Enabled: true, ParentID: domainID}},
		"links":    selfLink(f.base(r) + "/v3/auth/projects"),
	})
	return nil
}

// accessDocument is the body about a token of version 2.0.
func (f *Face) accessDocument(r *http.Request, g grant) any {
	type tenant struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Enabled bool   `json:"enabled"`
	}
	type tokenV2 struct {
		ID       string  `json:"id"`
		Expires  string  `json:"expires"`
		IssuedAt string  `json:"issued_at"`
		Tenant   *tenant `json:"tenant,omitempty"`
	}
	type endpointV2 struct {
		PublicURL   string `json:"publicURL"`
		InternalURL string `json:"internalURL"`
		AdminURL    string `json:"adminURL"`
		Region      string `json:"region"`
		ID          string `json:"id"`
	}
	type serviceV2 struct {
		Type      string       `json:"type"`
		Name      string       `json:"name"`
		Endpoints []endpointV2 `json:"endpoints"`
	}
	type userV2 struct {
		ID       string  `json:"id"`
		Name     string  `json:"name"`
		Username string  `json:"username"`
		Roles    []named `json:"roles"`
	}
	t := tokenV2{ID: g.token.Value, Expires: g.token.Expires.UTC().Format(time.RFC3339), IssuedAt: f.issuedAt(g.token).UTC().Format(timeFormat)}
	services := []serviceV2{}
	if g.project != "" {
		t.Tenant = &tenant{g.project, g.project, true}
		for _, s := range f.catalog(r, g.project) {
			url := s.Endpoints[0].URL
			services = append(services, serviceV2{s.Type, s.Name, []endpointV2{{url, url, url, f.cfg.Region, s.Endpoints[0].ID}}})
		}
	}
	return map[string]any{"access": map[string]any{
		"token": t, "serviceCatalog": services,
		"user": userV2{g.who.User, g.who.User, g.who.User, rolesOf(g.who)},
	}}
}
