package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"time"

	common "github.com/envoyproxy/go-control-plane/envoy/extensions/common/ratelimit/v3"
	pb "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

type options struct {
	address               string
	connections, inFlight int
	keys, descriptors     int
	duration              time.Duration
}

// What became of the requests of a connection.
type result struct {
	count, over, failed int
	latencies           []int64
	err                 error
}

var head = [][2]string{
	{":method", "POST"}, {":scheme", "http"}, {":authority", "ratelimit"},
	{":path", "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"},
	{"te", "trailers"}, {"content-type", "application/grpc"}, {"grpc-timeout", "1000m"},
}

// A client is one connection. It writes frames by itself, so that it costs less than any server it measures.
type client struct {
	options
	reader  *bufio.Reader
	out     *bufio.Writer
	framer  *http2.Framer
	encoder *hpack.Encoder
	decoder *hpack.Decoder
	block   bytes.Buffer
	bodies  [][]byte
	sent    map[uint32]int64
	next    uint32
	key     int
	unread  uint32
	result  *result
}

// body is a framed request about one of the keys.
func body(o options, key int) ([]byte, error) {
	request := &pb.RateLimitRequest{Domain: "bench"}
	for i := range o.descriptors {
		request.Descriptors = append(request.Descriptors, &common.RateLimitDescriptor{
			Entries: []*common.RateLimitDescriptor_Entry{
				{Key: "tenant", Value: fmt.Sprintf("tenant-%d", key)},
				{Key: "model", Value: fmt.Sprintf("model-%d", i)},
			},
		})
	}
	message, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(framed, message...), nil
}

func connect(o options, id int, bodies [][]byte, r *result) (*client, error) {
	conn, err := net.Dial("tcp", o.address)
	if err != nil {
		return nil, err
	}
	c := &client{
		options: o, reader: bufio.NewReaderSize(conn, 64<<10), out: bufio.NewWriterSize(conn, 64<<10),
		decoder: hpack.NewDecoder(4096, nil), bodies: bodies, sent: map[uint32]int64{}, next: 1, key: id, result: r,
	}
	c.encoder = hpack.NewEncoder(&c.block)
	c.framer = http2.NewFramer(c.out, c.reader)
	c.framer.SetReuseFrames()
	if _, err := c.out.WriteString(http2.ClientPreface); err != nil {
		return nil, err
	}
	_ = c.framer.WriteSettings()
	return c, c.framer.WriteWindowUpdate(0, 1<<30)
}

func (c *client) send() {
	c.block.Reset()
	for _, field := range head {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next, BlockFragment: c.block.Bytes(), EndHeaders: true})
	_ = c.framer.WriteData(c.next, true, c.bodies[c.key%len(c.bodies)])
	c.key += c.connections
	c.sent[c.next] = time.Now().UnixNano()
	c.next += 2
}

// run keeps as many requests under way as it may until the time is over.
func (c *client) run(deadline time.Time) error {
	for range c.inFlight {
		c.send()
	}
	for len(c.sent) > 0 {
		if c.reader.Buffered() == 0 {
			if err := c.out.Flush(); err != nil {
				return err
			}
		}
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		ended, err := c.handle(frame)
		if err != nil {
			return err
		}
		at, ok := c.sent[ended]
		if !ok {
			continue
		}
		now := time.Now()
		c.result.count++
		c.result.latencies = append(c.result.latencies, now.UnixNano()-at)
		delete(c.sent, ended)
		if now.Before(deadline) {
			c.send()
		}
	}
	return nil
}

// handle returns the stream that a frame ends.
func (c *client) handle(frame http2.Frame) (uint32, error) {
	switch f := frame.(type) {
	case *http2.DataFrame:
		data := f.Data()
		c.unread += uint32(len(data))
		if c.unread > 1<<24 {
			_ = c.framer.WriteWindowUpdate(0, c.unread)
			c.unread = 0
		}
		// RateLimitResponse.overall_code comes first: 2 is OVER_LIMIT.
		if len(data) >= 7 && data[5] == 8 && data[6] == 2 {
			c.result.over++
		}
	case *http2.HeadersFrame:
		fields, err := c.decoder.DecodeFull(f.HeaderBlockFragment())
		if err != nil || !f.StreamEnded() {
			return 0, err
		}
		for _, field := range fields {
			if field.Name == "grpc-status" && field.Value != "0" {
				c.result.failed++
			}
		}
		return f.StreamID, nil
	case *http2.RSTStreamFrame:
		c.result.failed++
		return f.StreamID, nil
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return 0, c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return 0, c.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		return 0, fmt.Errorf("the server goes away: %v", f.ErrCode)
	}
	return 0, nil
}

// load drives a service and prints what it saw as JSON.
func load(args []string) error {
	var o options
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&o.address, "address", "", "of the service")
	flags.IntVar(&o.connections, "connections", 4, "")
	flags.IntVar(&o.inFlight, "in-flight", 32, "requests of a connection at once")
	flags.IntVar(&o.keys, "keys", 10000, "different buckets")
	flags.IntVar(&o.descriptors, "descriptors", 1, "of a request")
	flags.DurationVar(&o.duration, "duration", 3*time.Second, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	bodies := make([][]byte, o.keys)
	for key := range bodies {
		framed, err := body(o, key)
		if err != nil {
			return err
		}
		bodies[key] = framed
	}
	results := make([]result, o.connections)
	done := make(chan struct{})
	start := time.Now()
	for i := range results {
		go func() {
			defer func() { done <- struct{}{} }()
			c, err := connect(o, i, bodies, &results[i])
			if err == nil {
				err = c.run(start.Add(o.duration))
			}
			results[i].err = err
		}()
	}
	for range results {
		<-done
	}
	return report(results, time.Since(start))
}

func report(results []result, took time.Duration) error {
	var all result
	for _, r := range results {
		if r.err != nil {
			return r.err
		}
		all.count += r.count
		all.over += r.over
		all.failed += r.failed
		all.latencies = append(all.latencies, r.latencies...)
	}
	sort.Slice(all.latencies, func(a, b int) bool { return all.latencies[a] < all.latencies[b] })
	at := func(share float64) float64 {
		return float64(all.latencies[int(float64(len(all.latencies)-1)*share)]) / 1e6
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"perSecond": float64(all.count) / took.Seconds(), "p50Ms": at(0.5), "p99Ms": at(0.99),
		"count": float64(all.count), "over": float64(all.over), "failed": float64(all.failed),
	})
}
