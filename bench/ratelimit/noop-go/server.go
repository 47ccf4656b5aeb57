package main

import (
	"context"
	"fmt"
	"net"
	"runtime"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	"google.golang.org/grpc"
)

type noop struct {
	pb.UnimplementedRateLimitServiceServer
}

func (noop) ShouldRateLimit(_ context.Context, request *pb.RateLimitRequest) (*pb.RateLimitResponse, error) {
	response := &pb.RateLimitResponse{OverallCode: pb.RateLimitResponse_OK}
	for range request.Descriptors {
		status := &pb.RateLimitResponse_DescriptorStatus{Code: pb.RateLimitResponse_OK}
		response.Statuses = append(response.Statuses, status)
	}
	return response, nil
}

// serve answers on one core until the process ends.
func serve() error {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	server := grpc.NewServer()
	pb.RegisterRateLimitServiceServer(server, noop{})
	return server.Serve(listener)
}
