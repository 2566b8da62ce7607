package swift

import (
	"net/http"

	"entrepot/gateway"
)

// getAccount answers with the account's containers.
func (f *Face) getAccount(w http.ResponseWriter, r *http.Request, c *call) error {
	l, err := listingOf(r)
	if err != nil {
		return err
	}
	if l.Direct { // path= is for containers
		l.Direct, l.Prefix = false, ""
		for key, value := range params(r.URL.RawQuery) {
			l.set(key, value, new(string), new(string))
		}
		l.Direct = false
	}
	account, entries, err := f.containers.List(r.Context(), c.Account, l.ListOptions)
	if err != nil {
		return err
	}
	f.setAccount(w, &account, &l)
	f.pages.write(w, r, &l, containersDocument(l.format, c.shown, entries))
	return nil
}

// headAccount answers with what GET has in its headers.
func (f *Face) headAccount(w http.ResponseWriter, r *http.Request, c *call) error {
	l, err := listingOf(r)
	if err != nil {
		return err
	}
	account, err := f.accounts.Get(r.Context(), c.Account)
	if err != nil {
		return err
	}
	f.setAccount(w, &account, &l)
	return noContent(w, l.format.contentType())
}

// setAccount shows counts and properties of an account.
func (f *Face) setAccount(w http.ResponseWriter, account *gateway.Account, l *listing) {
	a := newAnswer(w, len(account.Properties)+12)
	setListing(&a, l)
	a.setInt("X-Account-Container-Count", account.Containers)
	a.setInt("X-Account-Object-Count", account.Objects)
	a.setInt("X-Account-Bytes-Used", account.Bytes)
	a.set("X-Timestamp", timestamp(account.Created))
	if account.Containers > 0 {
		// All policies share one storage; what lies in it counts for the default.
		prefix := "X-Account-Storage-Policy-" + f.cfg.Policies[0].Name
		a.setInt(http.CanonicalHeaderKey(prefix+"-Container-Count"), account.Containers)
		a.setInt(http.CanonicalHeaderKey(prefix+"-Object-Count"), account.Objects)
		a.setInt(http.CanonicalHeaderKey(prefix+"-Bytes-Used"), account.Bytes)
	}
	if !account.ACL.Empty() {
		a.set("X-Account-Access-Control", formatAccountACL(account.ACL))
	}
	for name, value := range account.Properties {
		if account.Access.Owner || !isSecret(name) {
			a.set(headerName(accountMeta, name), value)
		}
	}
}

// isSecret tells the properties that only owners see: keys of temporary URLs.
func isSecret(name string) bool { return name == "temp-url-key" || name == "temp-url-key-2" }

// postAccount merges properties into the account's.
func (f *Face) postAccount(w http.ResponseWriter, r *http.Request, c *call) error {
	props, err := changes(r.Header, accountMeta, removeAccountMeta)
	if err != nil {
		return err
	}
	list, err := accountACL(r.Header)
	if err != nil {
		return err
	}
	if err := f.accounts.Update(r.Context(), c.Account, gateway.AccountChange{Properties: props, ACL: list}); err != nil {
		return err
	}
	return noContent(w, htmlType)
}
