package admin_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/admin"
)

func TestReplicationIsSetShownAndRepaired(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{
		Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}}, Replication: gateway.ReplicationConfig{Pause: -1},
	}})
	ref := gateway.Ref{Account: "test", Container: "box", Object: "a"}
	if _, err := f.Gateway.Containers.Create(f.Ctx("tester"), ref, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Gateway.Objects.Put(f.Ctx("tester"), ref, strings.NewReader("x"), gateway.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(faceOf(f))
	t.Cleanup(srv.Close)
	c := &admin.Client{HTTP: srv.Client()}
	c.HTTP.Transport = rewrite{srv.URL, c.HTTP.Transport}
	ctx, box := t.Context(), admin.ContainerName{Account: "AUTH_test", Container: "box"}

	var one admin.Replication
	if err := c.Call(ctx, admin.MethodReplicationGet, box, &one); err != nil || len(one.Stores) != 0 || !one.Default || len(one.Replicas) != 0 {
		t.Errorf("before: %+v, %v", one, err)
	}
	refusal(t, c.Call(ctx, admin.MethodReplicationSet, admin.SetReplication{ContainerName: box, Stores: []int{9}}, nil), -32004)
	set := admin.SetReplication{ContainerName: box, Stores: []int{2}}
	if err := c.Call(ctx, admin.MethodReplicationSet, set, &one); err != nil || len(one.Replicas) != 1 || one.Default || one.Replicas[0].State != "comparing" {
		t.Errorf("set: %+v, %v", one, err)
	}
	if err := f.Gateway.Replication.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	var all admin.Replicas
	if err := c.Call(ctx, admin.MethodReplicationList, admin.ReplicaPage{Limit: 1}, &all); err != nil || len(all.Replicas) != 1 || all.Marker == "" {
		t.Fatalf("list: %+v, %v", all, err)
	}
	if r := all.Replicas[0]; r.Account != "AUTH_test" || r.Space != "box" || r.Store != 2 || r.State != "current" || r.Compared == nil || r.Since != nil {
		t.Errorf("list: %+v", r)
	}
	var rest admin.Replicas
	if err := c.Call(ctx, admin.MethodReplicationList, admin.ReplicaPage{Marker: all.Marker}, &rest); err != nil || len(rest.Replicas) != 0 || rest.Marker != "" {
		t.Errorf("the next page: %+v, %v", rest, err)
	}
	for _, marker := range []string{"x", "1", "1-", "-2", "1-256", "1-2-3"} {
		refusal(t, c.Call(ctx, admin.MethodReplicationList, admin.ReplicaPage{Marker: marker}, nil), -32602)
	}
	refusal(t, c.Call(ctx, admin.MethodReplicationList, admin.ReplicaPage{Limit: 501}, nil), -32602)
	for _, method := range []string{admin.MethodReplicationCompare, admin.MethodReplicationRetry} {
		var asked admin.Asked
		if err := c.Call(ctx, method, box, &asked); err != nil || !asked.Accepted {
			t.Errorf("%s: %+v, %v", method, asked, err)
		}
	}
	var repaired admin.Repaired
	if err := c.Call(ctx, admin.MethodReplicationRepair, box, &repaired); err != nil || repaired.Left != 0 {
		t.Errorf("repair: %+v, %v", repaired, err)
	}
	refusal(t, c.Call(ctx, admin.MethodReplicationRelease, box, nil), -32009)
	log, _, err := f.Gateway.Accounts.Log(f.Ctx("admin"), gateway.LogPage{Limit: 100}) // lines of one moment have no order
	if err != nil || len(log) < 3 || log[len(log)-1].Method == "" {
		t.Fatalf("log %+v, %v", log, err)
	}
	found := false
	for _, line := range log {
		found = found || line.Method == admin.MethodReplicationSet && line.Target == "test/box" && line.Result == "done"
	}
	if !found {
		t.Errorf("log %+v", log)
	}
}
