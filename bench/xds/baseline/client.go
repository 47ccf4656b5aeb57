package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	clusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	routeType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

	// Envoy's own windows.
	streamWindow     = 16 << 20
	connectionWindow = 24 << 20
	maxFrame         = 16384
)

// What a client knows of one type.
type subscription struct {
	names   *nameSet
	version string
	nonce   string
	seen    bool
}

// A client is one proxy: one connection with one stream. All of it happens on the goroutine that reads.
type client struct {
	fleet  *fleet
	id     int
	delta  bool
	conn   net.Conn
	framer *http2.Framer
	out    bytes.Buffer
	// Messages that flow control holds back.
	pending                    []byte
	connectionRoom, streamRoom int
	initialRoom                int
	consumed                   int
	incoming                   []byte
	types                      map[string]*subscription
	complete                   bool
	epoch                      int64
	sentNode                   bool
}

type countingReader struct {
	reader io.Reader
	fleet  *fleet
}

func (c countingReader) Read(target []byte) (int, error) {
	n, err := c.reader.Read(target)
	c.fleet.received(n)
	return n, err
}

// connect opens the stream and asks for clusters. A client that stalls gives the server no more room than HTTP/2 does.
func connect(f *fleet, id int, stalls bool) (*client, error) {
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		return nil, err
	}
	c := &client{
		fleet: f, id: id, delta: f.delta, conn: conn,
		connectionRoom: 65535, streamRoom: 65535, initialRoom: 65535,
		types: map[string]*subscription{},
	}
	c.out.WriteString(http2.ClientPreface)
	c.framer = http2.NewFramer(&c.out, bufio.NewReaderSize(countingReader{conn, f}, 32<<10))
	c.framer.SetReuseFrames()
	method := "Stream"
	if c.delta {
		method = "Delta"
	}
	var head bytes.Buffer
	encoder := hpack.NewEncoder(&head)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":authority", "xds"},
		{":path", "/envoy.service.discovery.v3.AggregatedDiscoveryService/" + method + "AggregatedResources"},
		{"te", "trailers"}, {"content-type", "application/grpc"},
	} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	if stalls {
		_ = c.framer.WriteSettings()
	} else {
		_ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow})
		_ = c.framer.WriteWindowUpdate(0, connectionWindow-65535)
	}
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndHeaders: true})
	c.ask(clusterType, nil)
	return c, c.flush()
}

// read handles what arrives until the connection ends.
func (c *client) read() error {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.DataFrame:
			if err := c.take(f.Data()); err != nil {
				return err
			}
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				c.connectionRoom += int(f.Increment)
			} else {
				c.streamRoom += int(f.Increment)
			}
			c.drain()
		case *http2.SettingsFrame:
			if f.IsAck() {
				continue
			}
			if value, ok := f.Value(http2.SettingInitialWindowSize); ok {
				c.streamRoom += int(value) - c.initialRoom
				c.initialRoom = int(value)
			}
			_ = c.framer.WriteSettingsAck()
			c.drain()
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = c.framer.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				return fmt.Errorf("the stream has ended")
			}
		case *http2.RSTStreamFrame:
			return fmt.Errorf("the stream was reset: %v", f.ErrCode)
		case *http2.GoAwayFrame:
			return fmt.Errorf("the server goes away: %v", f.ErrCode)
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
}

func (c *client) take(data []byte) error {
	c.consumed += len(data)
	if c.consumed >= streamWindow/2 {
		_ = c.framer.WriteWindowUpdate(0, uint32(c.consumed))
		_ = c.framer.WriteWindowUpdate(1, uint32(c.consumed))
		c.consumed = 0
	}
	if c.incoming == nil && len(data) >= 5 {
		c.incoming = c.fleet.buffer(5 + int(binary.BigEndian.Uint32(data[1:5])))
	}
	c.incoming = append(c.incoming, data...)
	for len(c.incoming) >= 5 {
		size := 5 + int(binary.BigEndian.Uint32(c.incoming[1:5]))
		if len(c.incoming) < size {
			return nil
		}
		if err := c.handle(c.incoming[5:size]); err != nil {
			return err
		}
		rest := c.incoming[size:]
		if len(rest) == 0 {
			c.fleet.release(c.incoming)
			c.incoming = nil
			return nil
		}
		c.incoming = append(c.incoming[:0], rest...)
	}
	return nil
}

// handle accepts a response, and asks for what it names, as Envoy does.
func (c *client) handle(message []byte) error {
	r, err := readResponse(message, c.delta)
	if err != nil {
		return err
	}
	state := c.types[r.typeURL]
	if state == nil {
		return fmt.Errorf("a response of type %q that nobody asked for", r.typeURL)
	}
	first := !state.seen
	state.seen, state.version, state.nonce = true, r.version, r.nonce
	c.acknowledge(r.typeURL, state)
	switch {
	case r.typeURL == clusterType:
		c.askEndpoints(r.names)
	case r.typeURL == endpointType && first:
		c.ask(listenerType, nil)
	case r.typeURL == listenerType && first:
		c.ask(routeType, c.fleet.names([]string{routesName}, c.delta))
	case r.typeURL == routeType && first:
		c.complete = true
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.fleet.answered(c, r.typeURL)
	return nil
}

func (c *client) askEndpoints(names []string) {
	state := c.types[endpointType]
	if state == nil {
		c.ask(endpointType, c.fleet.names(names, c.delta))
		return
	}
	if c.delta {
		// The names are subscribed to already: none of the scenarios adds a cluster.
		return
	}
	// In SotW Envoy asks again for the assignments of clusters that changed.
	c.acknowledge(endpointType, state)
}

func (c *client) ask(typeURL string, names *nameSet) {
	c.types[typeURL] = &subscription{names: names}
	c.acknowledge(typeURL, c.types[typeURL])
}

// acknowledge sends a request with the state of a type: names in every SotW request, and in the first delta one.
func (c *client) acknowledge(typeURL string, state *subscription) {
	message := make([]byte, 0, 160)
	node := func(field int) {
		if !c.sentNode {
			message = appendField(message, field, c.fleet.node(c.id))
			c.sentNode = true
		}
	}
	if c.delta {
		node(1)
		message = appendString(message, 2, typeURL)
		if state.nonce == "" && state.names != nil {
			message = append(message, state.names.encoded...)
		}
		message = appendString(message, 6, state.nonce)
	} else {
		message = appendString(message, 1, state.version)
		node(2)
		if state.names != nil {
			message = append(message, state.names.encoded...)
		}
		message = appendString(message, 4, typeURL)
		message = appendString(message, 5, state.nonce)
	}
	head := [5]byte{}
	binary.BigEndian.PutUint32(head[1:], uint32(len(message)))
	c.pending = append(append(c.pending, head[:]...), message...)
	c.drain()
}

// drain frames as much as the server has room for.
func (c *client) drain() {
	sent := 0
	for sent < len(c.pending) {
		size := min(len(c.pending)-sent, c.connectionRoom, c.streamRoom, maxFrame)
		if size <= 0 {
			break
		}
		_ = c.framer.WriteData(1, false, c.pending[sent:sent+size])
		c.connectionRoom -= size
		c.streamRoom -= size
		sent += size
	}
	c.pending = c.pending[sent:]
	if len(c.pending) == 0 {
		c.pending = nil
	}
}

func (c *client) flush() error {
	if c.out.Len() == 0 {
		return nil
	}
	n, err := c.conn.Write(c.out.Bytes())
	c.fleet.sent(n)
	c.out.Reset()
	return err
}
