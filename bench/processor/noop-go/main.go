// Program noop-go is an external processor that changes nothing: what the mechanism costs with another implementation.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
)

type noop struct {
	pb.UnimplementedExternalProcessorServer
}

func answer(request *pb.ProcessingRequest) *pb.ProcessingResponse {
	switch r := request.Request.(type) {
	case *pb.ProcessingRequest_RequestHeaders:
		return &pb.ProcessingResponse{Response: &pb.ProcessingResponse_RequestHeaders{RequestHeaders: &pb.HeadersResponse{}}}
	case *pb.ProcessingRequest_RequestBody:
		return &pb.ProcessingResponse{Response: &pb.ProcessingResponse_RequestBody{RequestBody: replaced(r.RequestBody.Body)}}
	case *pb.ProcessingRequest_ResponseHeaders:
		return &pb.ProcessingResponse{Response: &pb.ProcessingResponse_ResponseHeaders{ResponseHeaders: &pb.HeadersResponse{}}}
	case *pb.ProcessingRequest_ResponseBody:
		return &pb.ProcessingResponse{Response: &pb.ProcessingResponse_ResponseBody{ResponseBody: replaced(r.ResponseBody.Body)}}
	}
	return nil
}

// A translation gives another body back: here it is the same one.
func replaced(body []byte) *pb.BodyResponse {
	mutation := &pb.BodyMutation{Mutation: &pb.BodyMutation_Body{Body: body}}
	return &pb.BodyResponse{Response: &pb.CommonResponse{BodyMutation: mutation}}
}

func (noop) Process(stream pb.ExternalProcessor_ProcessServer) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if response := answer(request); response != nil {
			if err := stream.Send(response); err != nil {
				return err
			}
		}
	}
}

func main() {
	socket := flag.String("socket", "", "Unix socket to listen on")
	flag.Parse()
	listener, err := net.Listen("unix", *socket)
	if err == nil {
		server := grpc.NewServer()
		pb.RegisterExternalProcessorServer(server, noop{})
		fmt.Println("{}")
		err = server.Serve(listener)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
