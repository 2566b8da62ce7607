package store

import (
	"bytes"
	"encoding/binary"

	"entrepot/store/kv"
)

// spreadUsage ends format 2, which kept samples of whole accounts beside those
// of containers and nothing of containers that were gone. First what each
// container has is noted in its months and taken off the account's sample of
// the day; then what is left of those, which others held, is noted as that of
// nobody. A mark is the row that comes next.
func spreadUsage(tx kv.Tx, mark []byte) ([]byte, error) {
	if mark == nil {
		mark = []byte{ofContainer}
	}
	r := kv.Prefix(tableSamples, mark[:1])
	r.From = mark
	page, err := tx.Scan(r, upgradeRows)
	if err != nil {
		return nil, err
	}
	next := bytes.Clone(page.Next)
	if mark[0] == ofContainer {
		err = spreadContainers(tx, page.Items)
	} else {
		err = spreadAccounts(tx, page.Items)
	}
	switch {
	case err != nil:
		return nil, err
	case next == nil && mark[0] == ofContainer:
		return []byte{ofAccount}, nil
	}
	return next, nil
}

// spreadContainers notes samples of containers.
func spreadContainers(tx kv.Tx, items []kv.Item) error {
	notes := make(map[string][]containerSample)
	var last Container
	var found bool
	for _, item := range items {
		if len(item.Row) != 1+8+4 {
			continue // damage, which the check reports
		}
		id := beID(item.Row[1:])
		if id != last.ID {
			rows, err := tx.Get(containerKey(id))
			if err != nil {
				return err
			}
			if last, found = (Container{ID: id}), rows[0] != nil; found {
				if last, err = decodeContainer(id, rows[0]); err != nil {
					return err
				}
			}
		}
		sample, err := decodeSample(binary.BigEndian.Uint32(item.Row[9:]), item.Value)
		if err == nil && found {
			notes[last.Account] = append(notes[last.Account], containerSample{id, last.Name, sample})
		}
	}
	for account, list := range notes {
		if err := takeOff(tx, account, list); err != nil {
			return err
		}
		if err := noteUsage(tx, account, list); err != nil {
			return err
		}
	}
	return nil
}

func accountSample(account string, day uint32) kv.Key {
	return sampleKey(append([]byte{ofAccount}, join(account, "")...), day)
}

// takeOff takes samples of containers off those of their account.
func takeOff(tx kv.Tx, account string, list []containerSample) error {
	sums := make(map[uint32]Sample)
	for _, c := range list {
		day := dayOf(StampOf(c.sample.Day))
		sum := sums[day]
		sums[day] = Sample{Objects: sum.Objects + c.sample.Objects, Bytes: sum.Bytes + c.sample.Bytes}
	}
	for day, sum := range sums {
		k := accountSample(account, day)
		rows, err := tx.Get(k)
		if err != nil {
			return err
		}
		if rows[0] == nil {
			continue
		}
		total, err := decodeSample(day, rows[0])
		if err != nil {
			continue // damage, which the check reports
		}
		total.Objects, total.Bytes = total.Objects-sum.Objects, total.Bytes-sum.Bytes
		tx.Put(k, total.encode())
	}
	return nil
}

// spreadAccounts notes what is left of samples of accounts, and removes them.
func spreadAccounts(tx kv.Tx, items []kv.Item) error {
	notes := make(map[string][]containerSample)
	for _, item := range items {
		row := bytes.Clone(item.Row)
		account, day, ok := bytes.Cut(row[1:], []byte{0})
		if !ok || len(day) != 4 {
			continue
		}
		sample, err := decodeSample(binary.BigEndian.Uint32(day), item.Value)
		if err == nil && (sample.Objects > 0 || sample.Bytes > 0) {
			notes[string(account)] = append(notes[string(account)], containerSample{0, "", sample})
		}
		tx.Delete(key(tableSamples, row))
	}
	for account, list := range notes {
		if err := noteUsage(tx, account, list); err != nil {
			return err
		}
	}
	return nil
}
