// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"net"
)

var answer = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!")

const bufferSize = 4096

// serve starts a goroutine a connection. Go sets TCP_NODELAY by itself.
func serve(port int, connection func(net.Conn)) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		die("listen", err)
	}
	fmt.Println("listening", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			die("accept", err)
		}
		go connection(conn)
	}
}

func http(port int) {
	serve(port, func(conn net.Conn) {
		defer conn.Close()
		buffer := make([]byte, bufferSize)
		for {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	})
}

func echo(port int) {
	serve(port, func(conn net.Conn) {
		defer conn.Close()
		buffer := make([]byte, bufferSize)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			if _, err := conn.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
}
