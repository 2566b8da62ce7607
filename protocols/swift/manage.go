package swift

import (
	"net/http"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

const (
	// manageText is what a caller hears who may not make or delete accounts.
	manageText = "account management needs the admin role"
	// manageAllow are the methods of an account for such a caller.
	manageAllow = "GET, HEAD, POST, OPTIONS"
)

// putAccount makes an account (201), or merges properties into the one that is
// there (202).
func (f *Face) putAccount(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := f.managed(r); err != nil {
		return err
	}
	props, err := changes(r.Header, accountMeta, removeAccountMeta)
	if err != nil {
		return err
	}
	created, err := f.accounts.Create(r.Context(), c.Account, gateway.AccountChange{Properties: props})
	if err != nil {
		return err
	}
	if !created {
		return accepted(w, r)
	}
	return f.created(w)
}

// deleteAccount marks an account as deleted. A query is refused, since it may
// be a bulk deletion with a mistake in its name; so is the second deletion,
// whose answer tells that it came too late.
func (f *Face) deleteAccount(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := f.managed(r); err != nil {
		return err
	}
	if r.URL.RawQuery != "" {
		return refuse(http.StatusBadRequest, "")
	}
	err := f.accounts.Delete(r.Context(), c.Account)
	if errs.ReasonOf(err) == errs.AccountDeleted {
		return &refusal{status: http.StatusNotFound, err: err}
	}
	if err != nil {
		return err
	}
	return noContent(w, htmlType)
}

// managed lets administrators pass, unless the door is configured not to make
// and delete accounts.
func (f *Face) managed(r *http.Request) error {
	if err := f.accounts.MayManage(r.Context()); err != nil {
		return forManagers(err)
	}
	if f.cfg.NoAccountManagement {
		return notAllowed(accountAllow, "")
	}
	return nil
}

// forManagers turns the refusal of a caller who is no administrator into
// Swift's.
func forManagers(err error) error {
	if errs.ReasonOf(err) == errs.NotAdmin {
		return &refusal{status: http.StatusMethodNotAllowed, text: manageText, allow: manageAllow, err: err}
	}
	return err
}
