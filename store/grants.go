package store

import "entrepot/store/kv"

// A GrantCursor is a place among the grants of all accounts; the zero value is
// before the first.
type GrantCursor struct{ Account, Application string }

// AllGrants lists what accounts let applications do behind a place, at most
// limit.
func (v *View) AllGrants(after GrantCursor, limit int) ([]Grant, error) {
	r := kv.Prefix(tableAllowed, []byte("g"))
	if after != (GrantCursor{}) {
		r.From = append(grantKey(after.Account, after.Application).Row, 0)
	}
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Grant, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeGrant(item.Row, item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}
