package protocols_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/protocoltest"
)

func TestAdministrationScripts(t *testing.T) {
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		d := newDoors(t, gatewaytest.Options{Config: gateway.Config{RemovalDelay: time.Hour}})
		return protocoltest.Fixture{
			Handler: d.front.Handler(),
			Advance: func(by time.Duration) {
				d.Clock.Advance(by)
				if _, err := d.Store.ReapAccounts(t.Context()); err != nil {
					t.Error(err)
				}
			},
		}
	}, "testdata/rpc/*.txt")
}

func TestClosedAccountsAreRefusedAtEveryDoor(t *testing.T) {
	for state, want := range map[string]struct{ swift, dav, dura, rpc int }{
		"suspended": {403, 403, 401, 200}, "deleted": {401, 401, 401, 401},
	} {
		t.Run(state, func(t *testing.T) {
			d := newDoors(t, gatewaytest.Options{Config: gateway.Config{RemovalDelay: time.Hour}})
			d.furnish()
			token := "X-Auth-Token: " + d.tokenFor("tester", "testing")
			basic := [2]string{"tester", "testing"}
			calls := map[string]call{
				"swift": {method: "GET", path: "/v1/AUTH_test/box/a.txt", headers: []string{token}},
				"dav":   {method: "GET", path: "/dav/box/a.txt", basic: basic},
				"dura":  {method: "GET", path: "/durastore/box/a.txt", basic: basic},
				"rpc": {method: "POST", path: "/rpc", basic: basic, headers: []string{"Content-Type: application/json"},
					body: `{"jsonrpc":"2.0","id":1,"method":"account.get"}`},
			}
			for door, c := range calls {
				if r := d.answer(t, c); r.status != 200 {
					t.Errorf("%s before: %d %s", door, r.status, r.body)
				}
			}
			var err error
			if state == "deleted" {
				err = d.Gateway.Accounts.Delete(auth.WithPrincipal(t.Context(), auth.Local()), "test")
			} else {
				err = d.Gateway.Accounts.Update(d.Local(), "test", gateway.AccountChange{State: gateway.AccountSuspended})
			}
			if err != nil {
				t.Fatal(err)
			}
			for door, status := range map[string]int{"swift": want.swift, "dav": want.dav, "dura": want.dura, "rpc": want.rpc} {
				r := d.answer(t, calls[door])
				if r.status != status {
					t.Errorf("%s: %d %s, want %d", door, r.status, r.body, status)
				}
				if door == "rpc" && status == 200 && !strings.Contains(r.body, `"code":-32003`) {
					t.Errorf("%s: %s", door, r.body)
				}
			}
		})
	}
}
