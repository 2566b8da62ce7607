package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
)

// swiftDoor logs in at a Swift door and adds it to the server.
func (s *running) swiftDoor(ctx context.Context, address, account string) error {
	w, err := dial(ctx, &door{address: address, auth: "X-Auth-User: " + user + ":" + user + "\r\nX-Auth-Key: " + password})
	if err != nil {
		return err
	}
	defer func() { w.close() }()
	a, err := w.want(ctx, []int{200, 204}, "GET", "/auth/v1.0", nil, 0)
	if err != nil {
		return err
	}
	s.doors["swift"] = &door{
		address: address, base: "/v1/" + account + "/", auth: "X-Auth-Token: " + a.token, containers: true, filled: map[string]bool{},
	}
	return nil
}

// swiftServer is one server of Swift's storage.
type swiftServer struct{ kind, address string }

// startSwift runs OpenStack Swift: one node, one device, one replica, logins in
// the proxy's configuration.
func startSwift(ctx context.Context, dir string) (*running, error) {
	if err := open(dir, "disk/d1", "cache"); err != nil {
		return nil, err
	}
	var servers []swiftServer
	for _, kind := range []string{"account", "container", "object"} {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		servers = append(servers, swiftServer{kind, address})
		if err := makeRing(ctx, dir, kind, address); err != nil {
			return nil, err
		}
	}
	cache, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(cache)
	if err != nil {
		return nil, err
	}
	memory, err := launch(ctx, cache, "", "memcached", nil, "-l", host, "-p", port, "-u", "nobody")
	if err != nil {
		return nil, err
	}
	also := []*running{memory}
	stopAll := func() {
		for _, s := range also {
			s.stop()
		}
	}
	for _, server := range servers {
		s, err := startStorage(ctx, dir, server)
		if err != nil {
			stopAll()
			return nil, err
		}
		also = append(also, s)
	}
	proxy, err := startProxy(ctx, dir, cache)
	if err != nil {
		stopAll()
		return nil, err
	}
	proxy.also = also
	return proxy, nil
}

// makeRing writes the ring of one kind of server: one device.
func makeRing(ctx context.Context, dir, kind, address string) error {
	program, err := find("swift-ring-builder")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, kind+".builder")
	for _, args := range [][]string{
		{file, "create", "8", "1", "1"},
		{file, "add", "r1z1-" + address + "/d1", "1"},
		{file, "rebalance"},
	} {
		// The program ends with 1 where it only has a remark.
		if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil && !strings.Contains(err.Error(), "exit status 1") {
			return fmt.Errorf("swift-ring-builder: %w: %s", err, out)
		}
	}
	return nil
}

// bind is the part that all configurations of Swift have.
func bind(dir, address string, workers int) string {
	host, port, _ := net.SplitHostPort(address)
	return fmt.Sprintf("[DEFAULT]\nbind_ip = %s\nbind_port = %s\nworkers = %d\nswift_dir = %s\ndevices = %s/disk\nmount_check = false\nuser = root\nlog_level = ERROR\nlog_address = %s/no-log\n",
		host, port, workers, dir, dir, dir)
}

func startStorage(ctx context.Context, dir string, server swiftServer) (*running, error) {
	conf := bind(dir, server.address, 2) + fmt.Sprintf("[pipeline:main]\npipeline = %[1]s-server\n[app:%[1]s-server]\nuse = egg:swift#%[1]s\n", server.kind)
	name := server.kind + "-server.conf"
	if err := write(dir, name, conf); err != nil {
		return nil, err
	}
	return launch(ctx, server.address, "", "swift-"+server.kind+"-server", nil, filepath.Join(dir, name))
}

func startProxy(ctx context.Context, dir, cache string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	conf := bind(dir, address, 2) + fmt.Sprintf(`[pipeline:main]
pipeline = cache tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = %s
[filter:tempauth]
use = egg:swift#tempauth
user_%s_%s = %s .admin
`, cache, user, user, password)
	if err := write(dir, "proxy-server.conf", conf); err != nil {
		return nil, err
	}
	s, err := launch(ctx, address, "", "swift-proxy-server", nil, filepath.Join(dir, "proxy-server.conf"))
	if err != nil {
		return nil, err
	}
	if err := s.swiftDoor(ctx, address, "AUTH_"+user); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, s.log)
	}
	return s, nil
}
