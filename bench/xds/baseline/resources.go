package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Rounds is how many different forms of each change a file holds.
const Rounds = 64

const (
	listenerName = "listener-0"
	routesName   = "routes-0"
)

// Entry is a line of a resource file. Kind is empty for what is there from the start.
type Entry struct {
	Kind     string      `json:"kind"`
	Round    int         `json:"round"`
	TypeURL  string      `json:"typeUrl"`
	Name     string      `json:"name"`
	Value    []byte      `json:"value"`
	Requires []Reference `json:"requires,omitempty"`
}

type Reference struct {
	TypeURL string `json:"typeUrl"`
	Name    string `json:"name"`
}

// generate writes COUNT clusters with their endpoints, one route configuration with a route to each of them, one
// listener, and the changes that the scenarios make.
func generate(count int, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	encoder := json.NewEncoder(out)
	write := func(kind string, round int, typeURL, name string, message proto.Message, requires ...Reference) error {
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			return err
		}
		return encoder.Encode(Entry{kind, round, typeURL, name, value, requires})
	}
	writeCluster := func(kind string, round, i int, timeout time.Duration) error {
		name := clusterName(i)
		return write(kind, round, resource.ClusterType, name, makeCluster(name, timeout), Reference{resource.EndpointType, name})
	}
	for i := range count {
		if err := writeCluster("", 0, i, 5*time.Second); err != nil {
			return err
		}
		if err := write("", 0, resource.EndpointType, clusterName(i), makeEndpoints(i, 0)); err != nil {
			return err
		}
	}
	if err := write("", 0, resource.RouteType, routesName, makeRoutes(count, -1, 0)); err != nil {
		return err
	}
	if err := write("", 0, resource.ListenerType, listenerName, makeListener(), Reference{resource.RouteType, routesName}); err != nil {
		return err
	}
	for round := 1; round <= Rounds; round++ {
		i := (round * 7) % count
		if err := write("endpoint", round, resource.EndpointType, clusterName(i), makeEndpoints(i, round)); err != nil {
			return err
		}
		if err := writeCluster("cluster", round, i, time.Duration(5000+round)*time.Millisecond); err != nil {
			return err
		}
		// Later rounds would fill the file: a route configuration of 10,000 routes is a megabyte.
		if round <= 8 {
			if err := write("route", round, resource.RouteType, routesName, makeRoutes(count, i, round)); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

func clusterName(i int) string { return fmt.Sprintf("cluster-of-service-%05d", i) }

func adsSource() *core.ConfigSource {
	return &core.ConfigSource{
		ResourceApiVersion:    core.ApiVersion_V3,
		ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
	}
}

func makeCluster(name string, timeout time.Duration) *cluster.Cluster {
	return &cluster.Cluster{
		Name:                 name,
		AltStatName:          name,
		ConnectTimeout:       durationpb.New(timeout),
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: adsSource()},
		LbPolicy:             cluster.Cluster_LEAST_REQUEST,
		CircuitBreakers: &cluster.CircuitBreakers{Thresholds: []*cluster.CircuitBreakers_Thresholds{{
			MaxConnections: wrapperspb.UInt32(10000), MaxRequests: wrapperspb.UInt32(10000), MaxRetries: wrapperspb.UInt32(100),
		}}},
		OutlierDetection: &cluster.OutlierDetection{Consecutive_5Xx: wrapperspb.UInt32(5), Interval: durationpb.New(10 * time.Second)},
		CommonLbConfig: &cluster.Cluster_CommonLbConfig{
			LocalityConfigSpecifier: &cluster.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{
				LocalityWeightedLbConfig: &cluster.Cluster_CommonLbConfig_LocalityWeightedLbConfig{},
			},
		},
	}
}

func makeEndpoints(i, round int) *endpoint.ClusterLoadAssignment {
	var endpoints []*endpoint.LbEndpoint
	for host := range 2 {
		address := fmt.Sprintf("10.%d.%d.%d", round, i/250, i%250*2%250+host)
		endpoints = append(endpoints, &endpoint.LbEndpoint{
			HealthStatus:        core.HealthStatus_HEALTHY,
			LoadBalancingWeight: wrapperspb.UInt32(1),
			HostIdentifier:      &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: socketAddress(address, 8080)}},
		})
	}
	return &endpoint.ClusterLoadAssignment{
		ClusterName: clusterName(i),
		Endpoints: []*endpoint.LocalityLbEndpoints{{
			Locality:            &core.Locality{Region: "region-a", Zone: "zone-a"},
			LoadBalancingWeight: wrapperspb.UInt32(1),
			LbEndpoints:         endpoints,
		}},
	}
}

func socketAddress(address string, port uint32) *core.Address {
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address: address, PortSpecifier: &core.SocketAddress_PortValue{PortValue: port},
	}}}
}

// makeRoutes makes one route to each cluster; the one of index `changed` gets another timeout.
func makeRoutes(count, changed, round int) *route.RouteConfiguration {
	routes := make([]*route.Route, 0, count)
	for i := range count {
		timeout := 15 * time.Second
		if i == changed {
			timeout += time.Duration(round) * time.Millisecond
		}
		routes = append(routes, &route.Route{
			Match: &route.RouteMatch{PathSpecifier: &route.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: fmt.Sprintf("/api/service-%05d", i)}},
			Action: &route.Route_Route{Route: &route.RouteAction{
				ClusterSpecifier: &route.RouteAction_Cluster{Cluster: clusterName(i)},
				Timeout:          durationpb.New(timeout),
			}},
		})
	}
	return &route.RouteConfiguration{
		Name:         routesName,
		VirtualHosts: []*route.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: routes}},
	}
}

func makeListener() *listener.Listener {
	pack := func(message proto.Message) *anypb.Any {
		packed, err := anypb.New(message)
		if err != nil {
			panic(err)
		}
		return packed
	}
	manager := &hcm.HttpConnectionManager{
		StatPrefix:     "ingress",
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{RouteConfigName: routesName, ConfigSource: adsSource()}},
		HttpFilters: []*hcm.HttpFilter{{
			Name:       "envoy.filters.http.router",
			ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: pack(&router.Router{})},
		}},
	}
	return &listener.Listener{
		Name:    listenerName,
		Address: socketAddress("0.0.0.0", 10000),
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(manager)},
		}}}},
	}
}
