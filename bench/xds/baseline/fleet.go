package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Names of a subscription with their bytes in a request (field 3 in both variants), shared by all clients.
type nameSet struct{ encoded []byte }

type fleet struct {
	address string
	delta   bool

	bytesIn, bytesOut atomic.Int64
	lastActivity      atomic.Int64
	epoch, remaining  atomic.Int64
	expected          atomic.Value
	finished          chan float64

	mu      sync.Mutex
	sets    map[uint64]*nameSet
	buffers sync.Pool
}

type outcome struct {
	Done      float64 `json:"done"`
	Remaining int64   `json:"remaining"`
}

// runFleet does what the lines of standard input say: start, expect, wait, quiet, stall.
func runFleet(address string, delta bool) error {
	f := &fleet{address: address, delta: delta, sets: map[uint64]*nameSet{}, finished: make(chan float64, 1)}
	f.expected.Store("")
	clients := 0
	report(map[string]any{"ready": true})
	return eachCommand(func(words []string) (any, error) {
		number := func(i int) int {
			n, err := strconv.Atoi(words[i])
			if err != nil {
				panic(err)
			}
			return n
		}
		switch words[0] {
		case "start":
			clients = number(1)
			f.arm("", clients)
			begin := monotonic()
			for i := range clients {
				go f.live(i)
			}
			result := f.wait(time.Duration(number(2)) * time.Millisecond)
			return map[string]any{"begin": begin, "done": result.Done, "remaining": result.Remaining}, nil
		case "expect":
			f.arm("type.googleapis.com/"+words[1], clients)
			return map[string]any{"armed": true}, nil
		case "wait":
			return f.wait(time.Duration(number(1)) * time.Millisecond), nil
		case "quiet":
			f.quiet(time.Duration(number(1)) * time.Millisecond)
			return map[string]any{"in": f.bytesIn.Load(), "out": f.bytesOut.Load()}, nil
		case "stall":
			for i := range number(1) {
				if _, err := connect(f, 1000000+i, true); err != nil {
					return nil, err
				}
			}
			return map[string]any{"stalled": number(1)}, nil
		}
		return nil, fmt.Errorf("unknown command: %v", words)
	})
}

func (f *fleet) live(id int) {
	c, err := connect(f, id, false)
	if err == nil {
		err = c.read()
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		fmt.Fprintln(os.Stderr, "client", id, err)
	}
}

// arm counts every client down at its next answer of a type; of any, for clients that start, at their last.
func (f *fleet) arm(typeURL string, clients int) {
	f.expected.Store(typeURL)
	f.remaining.Store(int64(clients))
	f.epoch.Add(1)
}

func (f *fleet) answered(c *client, typeURL string) {
	epoch := f.epoch.Load()
	if c.epoch == epoch {
		return
	}
	if expected := f.expected.Load().(string); expected == "" && !c.complete || expected != "" && expected != typeURL {
		return
	}
	c.epoch = epoch
	if f.remaining.Add(-1) == 0 {
		f.finished <- monotonic()
	}
}

func (f *fleet) wait(limit time.Duration) outcome {
	select {
	case at := <-f.finished:
		return outcome{at, 0}
	case <-time.After(limit):
		return outcome{0, f.remaining.Load()}
	}
}

// quiet returns when nothing has arrived for a while.
func (f *fleet) quiet(span time.Duration) {
	begin := time.Now().UnixNano()
	for {
		idle := time.Now().UnixNano() - max(begin, f.lastActivity.Load())
		if idle >= int64(span) {
			return
		}
		time.Sleep(span - time.Duration(idle) + time.Millisecond)
	}
}

func (f *fleet) received(n int) {
	f.bytesIn.Add(int64(n))
	f.lastActivity.Store(time.Now().UnixNano())
}

func (f *fleet) sent(n int) { f.bytesOut.Add(int64(n)) }

// names shares equal lists. Delta requests have sorted names, as Envoy's.
func (f *fleet) names(list []string, sorted bool) *nameSet {
	hash := fnv.New64a()
	for _, name := range list {
		_, _ = hash.Write([]byte(name))
	}
	key := hash.Sum64()
	f.mu.Lock()
	defer f.mu.Unlock()
	found := f.sets[key]
	if found != nil {
		return found
	}
	if sorted {
		slices.Sort(list)
	}
	found = &nameSet{}
	for _, name := range list {
		found.encoded = appendString(found.encoded, 3, name)
	}
	f.sets[key] = found
	return found
}

// node is what Envoy says of itself, with as many extensions as a build of it has.
func (f *fleet) node(id int) []byte {
	node := appendString(nil, 1, fmt.Sprintf("node-%d", id))
	node = appendString(node, 2, "fleet")
	node = appendString(node, 6, "envoy")
	return append(node, extensions()...)
}

var extensions = sync.OnceValue(func() []byte {
	var all []byte
	for i := range 300 {
		one := appendString(nil, 1, fmt.Sprintf("envoy.filters.http.extension_%d", i))
		one = appendString(one, 2, "envoy.filters.http")
		one = appendString(one, 6, fmt.Sprintf("envoy.extensions.filters.http.extension_%d.v3.Extension", i))
		all = appendField(all, 9, one)
	}
	return all
})

func (f *fleet) buffer(size int) []byte {
	if pooled, ok := f.buffers.Get().(*[]byte); ok && cap(*pooled) >= size {
		return (*pooled)[:0]
	}
	return make([]byte, 0, size)
}

func (f *fleet) release(buffer []byte) {
	if cap(buffer) > 4096 {
		buffer = buffer[:0]
		f.buffers.Put(&buffer)
	}
}
