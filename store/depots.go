package store

import (
	"bytes"
	"slices"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// An Invitation asks a user to take a depot into his list. There is at most
// one of a depot for a user.
type Invitation struct {
	User    string // folded; from the key
	Depot   uint64 // from the key
	Time    Stamp
	Epoch   uint64 // of the depot when it was sent
	Message string
	unknown []byte
}

func (i *Invitation) encode() []byte {
	w := record.NewWriter(64)
	w.Int(1, int64(i.Time))
	w.Uint(2, i.Epoch)
	w.String(3, i.Message)
	w.Raw(i.unknown)
	return w.Finish()
}

func decodeInvitation(row, b []byte) (i Invitation, err error) {
	user, depot, ok := bytes.Cut(row, []byte{0})
	if !ok || len(depot) != 8 {
		return i, errRow
	}
	i.User, i.Depot = string(user), beID(depot)
	i.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			i.Time = Stamp(f.Int())
		case 2:
			i.Epoch = f.Num
		case 3:
			i.Message = f.String()
		default:
			return false
		}
		return true
	})
	return i, err
}

// A DepotCall is one line of the depot API's log.
type DepotCall struct {
	Time               Stamp  // from the key
	ID                 uint64 // from the key; random
	Address            string
	Dialect            string
	Command            string
	User               string
	Depot              uint64
	Primary, Secondary int64
	Micros             int64 // that the call took
	unknown            []byte
}

func (c *DepotCall) encode() []byte {
	w := record.NewWriter(96)
	w.String(1, c.Address)
	w.String(2, c.Dialect)
	w.String(3, c.Command)
	w.String(4, c.User)
	w.Uint(5, c.Depot)
	w.Int(6, c.Primary)
	w.Int(7, c.Secondary)
	w.Int(8, c.Micros)
	w.Raw(c.unknown)
	return w.Finish()
}

func decodeDepotCall(row, b []byte) (c DepotCall, err error) {
	if len(row) != 16 {
		return c, errRow
	}
	c.Time, c.ID = Stamp(beID(row)), beID(row[8:])
	c.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			c.Address = f.String()
		case 2:
			c.Dialect = f.String()
		case 3:
			c.Command = f.String()
		case 4:
			c.User = f.String()
		case 5:
			c.Depot = f.Num
		case 6:
			c.Primary = f.Int()
		case 7:
			c.Secondary = f.Int()
		case 8:
			c.Micros = f.Int()
		default:
			return false
		}
		return true
	})
	return c, err
}

// byUser is the row of a depot in a user's list.
func byUser(t kv.Table, folded string, depot uint64) kv.Key {
	return key(t, append(join(folded, ""), u64(depot)...))
}

func invitedKey(depot uint64, folded string) kv.Key {
	return key(tableInvited, append(u64(depot), folded...))
}

func depotCallKey(c *DepotCall) kv.Key {
	return key(tableDepotCalls, append(u64(uint64(c.Time)), u64(c.ID)...))
}

// PutDepot writes a depot's record and the lists of its owner and users; old
// is the record that it replaces, nil for a new one.
func (tx *Tx) PutDepot(old, d *Depot) {
	if old != nil {
		depotIndexes(old, tx.tx.Delete)
	}
	tx.tx.Put(depotKey(d.ID), d.encode())
	depotIndexes(d, func(k kv.Key) { tx.tx.Put(k, nil) })
}

// DeleteDepot removes a depot's record and the lists of its owner and users;
// its log stays.
func (tx *Tx) DeleteDepot(d *Depot) {
	depotIndexes(d, tx.tx.Delete)
	tx.tx.Delete(depotKey(d.ID))
}

// depotIndexes names the rows that find a depot by its users.
func depotIndexes(d *Depot, do func(kv.Key)) {
	if d.Owner != "" {
		do(depotOfKey(Fold(d.Owner), d.ID))
	}
	for _, user := range d.Users {
		do(memberOfKey(Fold(user), d.ID))
	}
	for _, user := range d.Targets {
		do(byUser(tableDepotTarget, user, d.ID))
	}
	for _, user := range d.Claims {
		do(byUser(tableDepotClaim, user, d.ID))
	}
}

// AddDepotEntry writes the next line of a depot's log; d is written too.
func (tx *Tx) AddDepotEntry(d *Depot, e *DepotEntry) {
	d.LastEntry++
	e.Depot, e.Seq = d.ID, d.LastEntry
	tx.tx.Put(depotLogKey(e.Depot, e.Seq), e.encode())
	tx.tx.Put(depotKey(d.ID), d.encode())
}

// DepotEntries lists the log of a depot, newest first, at most limit lines.
func (v *View) DepotEntries(depot uint64, limit int) ([]DepotEntry, error) {
	r := kv.Prefix(tableDepotLog, u64(depot))
	r.Reverse = true
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]DepotEntry, 0, len(page.Items))
	for _, item := range page.Items {
		e, err := decodeDepotEntry(depot, beID(item.Row[8:]), item.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// TargetOf returns the depot that a user's new containers go to; 0: none.
func (v *View) TargetOf(user string) (uint64, error) {
	list, err := v.ids(tableDepotTarget, join(Fold(user), ""), 0, 1)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0], nil
}

// ClaimsOf lists the depots that a user took into his list, above the given
// number.
func (v *View) ClaimsOf(user string, after uint64, limit int) ([]uint64, error) {
	return v.ids(tableDepotClaim, join(Fold(user), ""), after, limit)
}

// PutInvitation writes an invitation in place of an earlier one.
func (tx *Tx) PutInvitation(i *Invitation) {
	tx.tx.Put(byUser(tableInvitations, i.User, i.Depot), i.encode())
	tx.tx.Put(invitedKey(i.Depot, i.User), nil)
}

// DeleteInvitation removes an invitation; an absent one is not an error.
func (tx *Tx) DeleteInvitation(user string, depot uint64) {
	tx.tx.Delete(byUser(tableInvitations, Fold(user), depot))
	tx.tx.Delete(invitedKey(depot, Fold(user)))
}

// DeleteInvitationsTo removes all invitations of a depot.
func (tx *Tx) DeleteInvitationsTo(depot uint64) error {
	r := kv.Prefix(tableInvited, u64(depot))
	r.KeysOnly = true
	for {
		page, err := tx.r.Scan(r, 1000)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			user := string(item.Row[8:])
			tx.tx.Delete(byUser(tableInvitations, user, depot))
			tx.tx.Delete(invitedKey(depot, user))
		}
		if page.Next == nil {
			return nil
		}
		r.From = bytes.Clone(page.Next)
	}
}

// Invitation reads the invitation of a user to a depot.
func (v *View) Invitation(user string, depot uint64) (i Invitation, found bool, err error) {
	k := byUser(tableInvitations, Fold(user), depot)
	rows, err := v.r.Get(k)
	if err != nil || rows[0] == nil {
		return Invitation{}, false, err
	}
	i, err = decodeInvitation(k.Row, rows[0])
	return i, true, err
}

// Invitations lists a user's invitations to depots above the given number, at
// most limit.
func (v *View) Invitations(user string, after uint64, limit int) ([]Invitation, error) {
	base := join(Fold(user), "")
	r := kv.Prefix(tableInvitations, base)
	r.From = append(bytes.Clone(base), u64(after+1)...)
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Invitation, 0, len(page.Items))
	for _, item := range page.Items {
		i, err := decodeInvitation(item.Row, item.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, nil
}

// AddDepotCall writes a line of the depot API's log. Its ID is random.
func (tx *Tx) AddDepotCall(c *DepotCall) { tx.tx.Put(depotCallKey(c), c.encode()) }

// DepotCalls lists the log of the depot API, oldest first: lines behind the
// given time and ID, at most limit.
func (v *View) DepotCalls(after Stamp, id uint64, limit int) ([]DepotCall, error) {
	from := append(depotCallKey(&DepotCall{Time: after, ID: id}).Row, 0)
	page, err := v.r.Scan(kv.Range{Table: tableDepotCalls, From: from}, limit)
	if err != nil {
		return nil, err
	}
	list := make([]DepotCall, 0, len(page.Items))
	for _, item := range page.Items {
		c, err := decodeDepotCall(item.Row, item.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// TrimDepotCalls removes lines of the depot API's log that are older than
// before, at most limit; more tells that there are others.
func (tx *Tx) TrimDepotCalls(before Stamp, limit int) (more bool, err error) {
	return tx.tx.DeleteRange(kv.Range{Table: tableDepotCalls, To: u64(uint64(before))}, limit)
}

// needsOfDepotUsers says what a row calls for that leads from a user to a
// depot, or back.
func needsOfDepotUsers(t kv.Table, row, value []byte) ([]need, error) {
	if t == tableInvited {
		if len(row) < 9 {
			return nil, errRow
		}
		depot, user := beID(row), string(row[8:])
		return []need{{key: byUser(tableInvitations, user, depot), reason: "there is no such invitation", drop: true,
			locks: []Guard{LockDepot(depot, false)}}}, nil
	}
	name, id, ok := bytes.Cut(row, []byte{0})
	if !ok || len(id) != 8 {
		return nil, errRow
	}
	user, depot := string(name), beID(id)
	lock := []Guard{LockDepot(depot, false)}
	if t == tableInvitations {
		_, err := decodeInvitation(row, value)
		return []need{
			{key: depotKey(depot), reason: "the depot does not exist"},
			{key: invitedKey(depot, user), reason: "it is not in the list of its depot", put: empty, locks: lock},
		}, err
	}
	return []need{{key: depotKey(depot), reason: "the depot does not exist or names him not", drop: true, locks: lock,
		ok: func(b []byte) bool {
			d, err := decodeDepot(depot, b)
			list := map[kv.Table][]string{tableDepotOf: {Fold(d.Owner)}, tableDepotTarget: d.Targets, tableDepotClaim: d.Claims}[t]
			if t == tableMemberOf {
				list = foldAll(d.Users)
			}
			return err != nil || slices.Contains(list, user)
		}}}, nil
}

func foldAll(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = Fold(name)
	}
	return out
}

// needsOfDepot says what a depot's record calls for.
func needsOfDepot(row, value []byte) ([]need, error) {
	if len(row) != 8 {
		return nil, errRow
	}
	d, err := decodeDepot(beID(row), value)
	if err != nil {
		return nil, err
	}
	var needs []need
	if d.Account != "" || d.Owner != "" {
		needs = append(needs, need{key: accountKey(d.Account), reason: "its account " + d.Account + " does not exist"})
	}
	if d.Owner != "" {
		needs = append(needs, need{key: userKey(Fold(d.Owner)), reason: "its owner " + d.Owner + " does not exist"})
	}
	lock := []Guard{LockDepot(d.ID, false)}
	depotIndexes(&d, func(k kv.Key) {
		user, _, _ := bytes.Cut(k.Row, []byte{0})
		reason := "it is not in the list of its user " + string(user)
		if k.Table == tableDepotOf {
			reason = "it is not in the list of its owner"
		}
		needs = append(needs, need{key: k, put: empty, locks: lock, reason: reason})
	})
	return needs, nil
}
