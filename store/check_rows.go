package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

func beID(row []byte) uint64 { return binary.BigEndian.Uint64(row) }

var (
	errRow   = errors.New("the key has not the form of its table")
	errValue = errors.New("the value has not the form of its table")
)

// tableName is a table's name in findings; "" for a number that no table has.
func tableName(t kv.Table) string {
	names := map[kv.Table]string{
		tableMeta: "meta", tableAccounts: "account", tableUsers: "user", tableUserOf: "user of account",
		tableTokens: "token", tableTokenOf: "token of user", tableKeys: "API key", tableNames: "container name",
		tableContainers: "container", tableObjects: "object", tableHistory: "history", tableContent: "content",
		tableOwners: "owner of content", tableCounters: "counter", tableQueue: "queue", tableJournal: "journal",
		tableProps: "property", tablePastProps: "past property", tableLocks: "lock", tableLockOf: "lock of token", tableDepots: "depot",
		tableDepotOf: "depot of owner", tableMemberOf: "depot of user", tableDepotLog: "depot log",
		tableDepotSpaces: "container of depot", tableReplay: "replay", tableReplayByTime: "replay by time",
		tableEvents: "event", tableQuarantine: "quarantine", tableVerified: "verified", tableOrphans: "orphan",
		tableSnapshots: "snapshot", tableSamples: "sample", tableUsage: "usage",
		tableRestores: "restore", tableSnapshotLog: "history of snapshot", tableVersions: "version",
		tableFormer: "former container", tableArchive: "archived journal", tableIntegrity: "integrity", tableAdminLog: "administration", tableDepotTarget: "target of user",
		tableDepotClaim: "claim of user", tableInvitations: "invitation", tableInvited: "invited by depot",
		tableDepotCalls: "depot call", tableParts: "parts of content", tablePending: "pending replication", tableReplicas: "replication",
		tableThrottle: "wrong passwords", tableApplications: "application", tableAllowed: "allowed application",
		tableCredentials: "application password", tableFreed: "given up name",
	}
	return names[t]
}

// needs decodes a row and says what it calls for.
func (c *checker) needs(t kv.Table, row, value []byte) ([]need, error) {
	switch t {
	case tableMeta:
		return nil, checkMeta(string(row), value)
	case tableAccounts:
		return needsOfAccount(row, value)
	case tableUsers, tableUserOf, tableTokens, tableTokenOf, tableKeys:
		return needsOfUsers(t, row, value)
	case tableNames, tableContainers, tableSnapshots, tableDepotSpaces:
		return needsOfContainers(t, row, value)
	case tableObjects, tableHistory, tableVersions:
		return c.needsOfObject(t, row, value)
	case tableContent:
		return nil, c.checkContentRow(row, value)
	case tableParts:
		return needsOfParts(row, value)
	case tableCounters:
		return needsOfCounter(row, value)
	case tableQueue:
		return nil, checkQueue(row)
	case tableProps, tablePastProps, tableLocks, tableLockOf:
		return needsOfPaths(t, row, value)
	case tableDepots:
		return needsOfDepot(row, value)
	case tableDepotOf, tableMemberOf, tableDepotTarget, tableDepotClaim, tableInvitations, tableInvited:
		return needsOfDepotUsers(t, row, value)
	case tableReplay, tableReplayByTime:
		return needsOfReplay(t, row, value)
	case tablePending:
		_, err := decodePending(row, value)
		if err != nil {
			return nil, err
		}
		return []need{containerOf(row)}, nil
	case tableThrottle, tableApplications, tableAllowed, tableCredentials:
		return needsOfApplications(t, row, value)
	}
	return nil, checkNote(t, row, value)
}

func checkMeta(name string, value []byte) error {
	switch name {
	case metaFormat:
		if string(value) != strconv.Itoa(Format) {
			return fmt.Errorf("format %q, this program knows %d", value, Format)
		}
	case metaClock:
		if _, err := strconv.ParseInt(string(value), 10, 64); err != nil {
			return errValue
		}
	case metaScrub:
		_, err := decodeScrub(value)
		return err
	}
	return nil
}

func needsOfAccount(row, value []byte) ([]need, error) {
	a, err := decodeAccount(string(row), value)
	if err != nil || a.DefaultDepot == 0 {
		return nil, err
	}
	return []need{{key: depotKey(a.DefaultDepot), reason: fmt.Sprintf("its default depot %d does not exist", a.DefaultDepot)}}, nil
}

func needsOfUsers(t kv.Table, row, value []byte) ([]need, error) {
	switch t {
	case tableUsers:
		u, err := decodeUser(value)
		if err != nil {
			return nil, err
		}
		if Fold(u.Name) != string(row) {
			return nil, fmt.Errorf("it is the record of %q", u.Name)
		}
		return []need{
			{key: accountKey(u.Account), reason: fmt.Sprintf("its account %q does not exist", u.Account)},
			{key: userOfKey(u.Account, string(row)), reason: "it is not in the list of its account",
				put: empty, locks: []Guard{LockUser(u.Name)}},
		}, nil
	case tableUserOf:
		account, user, ok := strings.Cut(string(row), "\x00")
		if !ok {
			return nil, errRow
		}
		return []need{{
			key: userKey(user), reason: "the user does not exist or belongs to another account", drop: true,
			ok:    func(b []byte) bool { u, err := decodeUser(b); return err != nil || u.Account == account },
			locks: []Guard{LockUser(user)},
		}}, nil
	case tableTokens:
		if len(row) != 32 {
			return nil, errRow
		}
		token, err := decodeToken([32]byte(row), value)
		if err != nil {
			return nil, err
		}
		return []need{{
			key: tokenOfKey(Fold(token.User), token.Issue), reason: "it is not in the list of its user",
			ok: is(row), put: copyOf(row), locks: []Guard{LockUser(token.User)},
		}}, nil
	case tableTokenOf:
		user, issue, ok := bytes.Cut(row, []byte{0})
		if !ok || len(issue) != 8 || len(value) != 32 {
			return nil, errRow
		}
		return []need{{key: tokenKey([32]byte(value)), reason: "the token does not exist", drop: true, locks: []Guard{LockUser(string(user))}}}, nil
	}
	if len(row) != 32 {
		return nil, errRow
	}
	_, err := decodeKey([32]byte(row), value)
	return nil, err
}

func empty() []byte { return []byte{} }

func is(want []byte) func([]byte) bool {
	want = bytes.Clone(want)
	return func(have []byte) bool { return bytes.Equal(have, want) }
}

func copyOf(b []byte) func() []byte {
	b = bytes.Clone(b)
	return func() []byte { return b }
}

func needsOfContainers(t kv.Table, row, value []byte) ([]need, error) {
	switch t {
	case tableNames:
		account, name, ok := strings.Cut(string(row), "\x00")
		if !ok {
			return nil, errRow
		}
		id, err := openID(value)
		if err != nil {
			return nil, err
		}
		return []need{{
			key: containerKey(id), reason: fmt.Sprintf("container %d does not exist or has another name", id),
			ok: func(b []byte) bool {
				c, err := decodeContainer(id, b)
				return err != nil || c.Account == account && c.Name == name
			},
		}}, nil
	case tableContainers:
		if len(row) != 8 {
			return nil, errRow
		}
		c, err := decodeContainer(beID(row), value)
		if err != nil {
			return nil, err
		}
		return []need{
			{key: accountKey(c.Account), reason: fmt.Sprintf("its account %q does not exist", c.Account)},
			{key: depotKey(c.Depot), reason: fmt.Sprintf("its depot %d does not exist", c.Depot)},
			{key: nameKey(c.Account, c.Name), reason: fmt.Sprintf("no name of account %q leads to it", c.Account),
				ok: is(sealed(bytes.Clone(row))), put: copyOf(sealed(bytes.Clone(row))), locks: []Guard{LockName(c.Account, c.Name)}},
			{key: depotSpaceKey(c.Depot, c.ID), reason: "it is not in the list of its depot",
				put: empty, locks: []Guard{LockDepot(c.Depot, false)}},
		}, nil
	case tableSnapshots:
		if len(row) < 9 {
			return nil, errRow
		}
		_, err := decodeSnapshot(beID(row), string(row[8:]), value)
		return []need{containerOf(row)}, err
	}
	if len(row) != 16 {
		return nil, errRow
	}
	depot := beID(row)
	return []need{{
		key: key(tableContainers, bytes.Clone(row[8:])), reason: "the container does not exist or is in another depot", drop: true,
		ok:    func(b []byte) bool { c, err := decodeContainer(0, b); return err != nil || c.Depot == depot },
		locks: []Guard{LockDepot(depot, false)},
	}}, nil
}

// containerOf is the need of a row that begins with a container's ID.
func containerOf(row []byte) need {
	return need{key: key(tableContainers, bytes.Clone(row[:8])), reason: fmt.Sprintf("container %d does not exist", beID(row))}
}

func (c *checker) needsOfObject(t kv.Table, row, value []byte) ([]need, error) {
	o, err := decodeReference(t, row, value)
	if err != nil {
		return nil, err
	}
	at := &o.Content
	if at.Size < 0 || at.Blob.IsZero() != (at.Size == 0) {
		return nil, fmt.Errorf("%d bytes in content %s", at.Size, at.Blob)
	}
	if err := o.checkSpecial(); err != nil {
		return nil, err
	}
	id := beID(row)
	needs := []need{containerOf(row)}
	if at.Owner != 0 {
		needs = append(needs, ownerOf(at))
	}
	if t == tableVersions && o.DeleteAt != 0 {
		needs = append(needs, need{key: expireVersionKey(id, &o), reason: "it is not queued for the end of its time to live", put: empty})
	}
	if t == tableObjects && o.DeleteAt != 0 {
		needs = append(needs, need{key: expireKey(id, &o), reason: "it is not queued for the end of its time to live", put: empty})
	}
	return needs, nil
}

// ownerOf is the need of a reference to shared content.
func ownerOf(c *Content) need {
	return need{key: ownerKey(c.Blob, c.Owner), reason: "it is not among the owners of its content", put: empty}
}

func (c *checker) checkContentRow(row, value []byte) error {
	if len(row) != 16 {
		return errRow
	}
	if c.bad.has([16]byte(row)) {
		return nil // reported where it is referred to
	}
	_, err := record.Open(value)
	return err
}

func needsOfCounter(row, value []byte) ([]need, error) {
	if len(row) < 2 || len(value) != 8 {
		return nil, errRow
	}
	of := row[1:]
	switch kind := CounterKind(row[0]); kind {
	case CountContainerObjects, CountContainerBytes, CountContainerClashes, CountContainerLocks,
		CountContainerHistory, CountContainerExpiring, CountContainerMarkers:
		if len(of) != 8 {
			return nil, errRow
		}
		return []need{containerOf(of)}, nil
	case CountContainerTraffic, CountDepotTraffic:
		if len(of) != 12 {
			return nil, errRow
		}
	case CountDepotBytes:
		if len(of) != 8 {
			return nil, errRow
		}
	case CountAccountSpaces, CountAccountObjects, CountAccountBytes:
	default:
		return nil, fmt.Errorf("there is no counter of kind %d", kind)
	}
	return nil, nil
}

var errNoSuchWork = errors.New("there is no work of kind")

func checkQueue(row []byte) error {
	if len(row) < 9 {
		return errRow
	}
	n := len(row) - 9
	ok := false
	switch row[0] {
	case queueRelease, queueParts:
		ok = n == 16
	case queueShared:
		ok = n == 24
	case queueReap, queueHistory:
		ok = n == 8
	case queueExpire, queueForget:
		ok = n > 8
	case queueExpireVersion:
		ok = n > 17
	case queueFreed:
		_, err := decodeFreed(row[9:])
		return err
	case queueAccount, byte(JobManifest), byte(JobVerify), byte(JobRestore), byte(JobExpire):
		ok = n > 0
	default:
		return fmt.Errorf("%w %d", errNoSuchWork, row[0])
	}
	if !ok {
		return errRow
	}
	return nil
}

func needsOfPaths(t kv.Table, row, value []byte) ([]need, error) {
	switch t {
	case tableProps, tablePastProps:
		p, err := decodeProp(t, row, value)
		if err != nil {
			return nil, err
		}
		if (t == tablePastProps) != (p.born < p.ended) {
			return nil, fmt.Errorf("written in epoch %d, it ended in epoch %d", p.born, p.ended)
		}
		return []need{containerOf(row)}, nil
	case tableLocks:
		if len(row) < 9 {
			return nil, errRow
		}
		path, token, ok := bytes.Cut(row[8:], []byte{0})
		if !ok {
			return nil, errRow
		}
		id, place := beID(row), sealed(in(beID(row), string(path)))
		_, err := decodeLock(id, string(path), string(token), value)
		return []need{
			containerOf(row),
			{key: lockOfKey(string(token)), reason: "its token does not lead to it",
				ok: is(place), put: copyOf(place), locks: []Guard{LockContainer(id, false)}},
		}, err
	}
	place, err := openPlace(value)
	if err != nil {
		return nil, err
	}
	id := beID(place)
	return []need{{key: lockKey(id, string(place[8:]), string(row)), reason: "the lock does not exist",
		drop: true, locks: []Guard{LockContainer(id, false)}}}, nil
}

func needsOfReplay(t kv.Table, row, value []byte) ([]need, error) {
	if t == tableReplay {
		if len(row) != 32 || len(value) != 8 {
			return nil, errRow
		}
		digest := [32]byte(row)
		return []need{{key: replayTimeKey(int64(beID(value)), digest), reason: "nothing says when it may be forgotten",
			put: empty, locks: []Guard{LockReplay(digest)}}}, nil
	}
	if len(row) != 40 {
		return nil, errRow
	}
	digest := [32]byte(row[8:])
	return []need{{key: replayKey(digest), reason: "the request is not remembered", drop: true, ok: is(row[:8]),
		locks: []Guard{LockReplay(digest)}}}, nil
}

// checkNote checks the rows that stand by themselves.
func checkNote(t kv.Table, row, value []byte) (err error) {
	size := map[kv.Table]int{tableOwners: 24, tableJournal: 24, tableDepotLog: 16, tableVerified: 16, tableAdminLog: 16}[t]
	if size != 0 && len(row) != size {
		return errRow
	}
	switch t {
	case tableJournal:
		_, err = decodeJournal(beID(row), Stamp(beID(row[8:])), value)
	case tableFreed:
		err = checkFreed(row, value)
	case tableFormer:
		err = checkFormer(row, value)
	case tableIntegrity:
		if len(row) != 8 {
			return errRow
		}
		_, err = decodeIntegrity(value)
	case tableArchive:
		err = checkArchive(row, value)
	case tableReplicas:
		_, err = decodeReplica(row, value)
	case tableDepotLog:
		_, err = decodeDepotEntry(beID(row), beID(row[8:]), value)
	case tableDepotCalls:
		_, err = decodeDepotCall(row, value)
	case tableEvents:
		_, err = decodeEvent(row, value)
	case tableAdminLog:
		_, err = decodeAdminEntry(row, value)
	case tableQuarantine:
		_, err = decodeQuarantined(row, value)
	case tableVerified:
		_, err = decodeID(value)
	case tableOrphans:
		_, err = decodeOrphan(row, value)
	case tableSamples:
		if len(row) < 5 {
			return errRow
		}
		_, err = decodeSample(binary.BigEndian.Uint32(row[len(row)-4:]), value)
	case tableRestores:
		_, err = decodeRestore(row, value)
	case tableSnapshotLog:
		_, err = decodeSnapshotNote(row, value)
	case tableUsage:
		err = new(MonthUsage).decode(row, value)
	}
	return err
}
