package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	server "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
)

type set = map[string]map[string]types.Resource

// A target publishes the same resources by one of go-control-plane's caches.
type target interface {
	cache() cache.Cache
	// all publishes everything; changed names the one resource that differs, if any.
	publish(all set, changedType, changedName string) error
}

const group = "fleet"

type groupHash struct{}

func (groupHash) ID(*core.Node) string { return group }

type snapshotTarget struct {
	snapshots cache.SnapshotCache
	version   int
}

// newSnapshotTarget makes a cache with one snapshot for all nodes, which is the cheapest way to use it.
func newSnapshotTarget(ads bool) target {
	return &snapshotTarget{snapshots: cache.NewSnapshotCache(ads, groupHash{}, nil)}
}

func (t *snapshotTarget) cache() cache.Cache { return t.snapshots }

func (t *snapshotTarget) publish(all set, _, _ string) error {
	t.version++
	resources := map[resource.Type][]types.Resource{}
	for typeURL, byName := range all {
		for _, one := range byName {
			resources[typeURL] = append(resources[typeURL], one)
		}
	}
	snapshot, err := cache.NewSnapshot(strconv.Itoa(t.version), resources)
	if err != nil {
		return err
	}
	return t.snapshots.SetSnapshot(context.Background(), group, snapshot)
}

type linearTarget struct{ byType map[string]*cache.LinearCache }

func newLinearTarget() target {
	byType := map[string]*cache.LinearCache{}
	for _, typeURL := range []string{resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType} {
		byType[typeURL] = cache.NewLinearCache(typeURL)
	}
	return &linearTarget{byType}
}

func (t *linearTarget) cache() cache.Cache {
	caches := map[string]cache.Cache{}
	for typeURL, one := range t.byType {
		caches[typeURL] = one
	}
	return &cache.MuxCache{
		Classify:      func(r *cache.Request) string { return r.GetTypeUrl() },
		ClassifyDelta: func(r *cache.DeltaRequest) string { return r.GetTypeUrl() },
		Caches:        caches,
	}
}

func (t *linearTarget) publish(all set, changedType, changedName string) error {
	if changedType != "" {
		return t.byType[changedType].UpdateResource(changedName, all[changedType][changedName])
	}
	for typeURL, one := range t.byType {
		one.SetResources(all[typeURL])
	}
	return nil
}

type change struct {
	typeURL, name string
	message       types.Resource
}

func load(path string) (set, map[string]change, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	all, changes := set{}, map[string]change{}
	decoder := json.NewDecoder(bufio.NewReader(file))
	for decoder.More() {
		var entry Entry
		if err := decoder.Decode(&entry); err != nil {
			return nil, nil, err
		}
		kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(strings.TrimPrefix(entry.TypeURL, "type.googleapis.com/")))
		if err != nil {
			return nil, nil, err
		}
		message := kind.New().Interface()
		if err := proto.Unmarshal(entry.Value, message); err != nil {
			return nil, nil, err
		}
		if entry.Kind != "" {
			changes[fmt.Sprintf("%s %d", entry.Kind, entry.Round)] = change{entry.TypeURL, entry.Name, message}
			continue
		}
		if all[entry.TypeURL] == nil {
			all[entry.TypeURL] = map[string]types.Resource{}
		}
		all[entry.TypeURL][entry.Name] = message
	}
	return all, changes, nil
}

// serve listens, and then does what the lines of standard input say.
func serve(path string, t target) error {
	all, changes, err := load(path)
	if err != nil {
		return err
	}
	if err := t.publish(all, "", ""); err != nil {
		return err
	}
	grpcServer := grpc.NewServer(
		grpc.MaxConcurrentStreams(1000000),
		grpc.MaxRecvMsgSize(256<<20),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	)
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), t.cache(), nil))
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = grpcServer.Serve(socket) }()
	report(map[string]any{"port": socket.Addr().(*net.TCPAddr).Port})
	return eachCommand(func(words []string) (any, error) {
		switch words[0] {
		case "publish":
			begin := monotonic()
			typeURL, name := "", ""
			if words[1] != "none" {
				next, found := changes[words[1]+" "+words[2]]
				if !found {
					return nil, fmt.Errorf("no such change: %v", words)
				}
				typeURL, name = next.typeURL, next.name
				all[typeURL][name] = next.message
			}
			err := t.publish(all, typeURL, name)
			return map[string]any{"begin": begin, "end": monotonic()}, err
		case "heap":
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return map[string]any{"heap": stats.HeapAlloc}, nil
		}
		return nil, fmt.Errorf("unknown command: %v", words)
	})
}

func eachCommand(handle func(words []string) (any, error)) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := handle(strings.Fields(lines.Text()))
		if err != nil {
			return err
		}
		report(answer)
	}
	return nil
}

func report(answer any) {
	line, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// monotonic returns the clock that Node's process.hrtime reads too, in milliseconds.
func monotonic() float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return float64(now.Sec)*1e3 + float64(now.Nsec)/1e6
}
