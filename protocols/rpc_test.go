package protocols_test

import (
	"testing"
	"time"

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
