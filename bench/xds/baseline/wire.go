package main

import (
	"encoding/binary"
	"fmt"
)

// A response, read without decoding its resources.
type response struct {
	version, typeURL, nonce string
	names                   []string
}

// eachField walks a message; value holds the payload of length-delimited fields and is nil for others.
func eachField(message []byte, visit func(field int, value []byte)) error {
	for len(message) > 0 {
		tag, size := binary.Uvarint(message)
		if size <= 0 {
			return fmt.Errorf("broken message")
		}
		message = message[size:]
		switch tag & 7 {
		case 0:
			_, size := binary.Uvarint(message)
			message = message[size:]
		case 1:
			message = message[8:]
		case 2:
			length, size := binary.Uvarint(message)
			if size <= 0 || uint64(len(message)-size) < length {
				return fmt.Errorf("broken field")
			}
			visit(int(tag>>3), message[size:size+int(length)])
			message = message[size+int(length):]
		case 5:
			message = message[4:]
		}
	}
	return nil
}

// firstField returns the first field of a number, without reading further.
func firstField(message []byte, wanted int) []byte {
	for len(message) > 0 {
		tag, size := binary.Uvarint(message)
		message = message[size:]
		switch tag & 7 {
		case 0:
			_, size := binary.Uvarint(message)
			message = message[size:]
		case 1:
			message = message[8:]
		case 2:
			length, size := binary.Uvarint(message)
			if int(tag>>3) == wanted {
				return message[size : size+int(length)]
			}
			message = message[size+int(length):]
		case 5:
			message = message[4:]
		}
	}
	return nil
}

// readResponse reads either kind of response; names only when asked for. Both kinds agree in fields 1, 4 and 5.
func readResponse(message []byte, delta bool) (response, error) {
	var r response
	var resources [][]byte
	err := eachField(message, func(field int, value []byte) {
		switch field {
		case 1:
			r.version = string(value)
		case 2:
			resources = append(resources, value)
		case 4:
			r.typeURL = string(value)
		case 5:
			r.nonce = string(value)
		}
	})
	if r.typeURL != clusterType {
		return r, err
	}
	r.names = make([]string, 0, len(resources))
	for _, one := range resources {
		if delta {
			r.names = append(r.names, string(firstField(one, 3)))
		} else {
			// The name is the first field of a cluster, and the value the second of its Any.
			r.names = append(r.names, string(firstField(firstField(one, 2), 1)))
		}
	}
	return r, err
}

func appendField(target []byte, field int, value []byte) []byte {
	target = binary.AppendUvarint(target, uint64(field<<3|2))
	target = binary.AppendUvarint(target, uint64(len(value)))
	return append(target, value...)
}

func appendString(target []byte, field int, value string) []byte {
	if value == "" {
		return target
	}
	return appendField(target, field, []byte(value))
}
