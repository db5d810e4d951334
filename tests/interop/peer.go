// SPDX-License-Identifier: ISC

// peer is another implementation of the client's side of tunnel-protocol(7), made of
// hashicorp/yamux and encoding/json alone, and a yamux peer and a load generator besides:
//
//	peer tunnel -server ADDR -pin SHA256 -token-file FILE -subdomain NAME [-hold N] [-control]
//	peer load   -server ADDR -host NAME -requests N
//	peer echo   -connect ADDR | -listen ADDR  -bytes N -streams N
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	controlMax = 65536 // bytes of a control message
	headerMax  = 4096  // bytes of a stream header
)

type envelope struct {
	Type      string          `json:"type"`
	Timestamp string          `json:"timestamp,omitempty"`
	Payload   json.RawMessage `json:"payload"`
}

type tunnel struct {
	Subdomain string `json:"subdomain,omitempty"`
	LocalPort int    `json:"local_port"`
}

type handshake struct {
	Version      int      `json:"version"`
	Token        string   `json:"token"`
	ClientID     string   `json:"client_id"`
	Tunnels      []tunnel `json:"tunnels"`
	Capabilities []string `json:"capabilities,omitempty"`
}

type handshakeResponse struct {
	Success   bool   `json:"success"`
	SessionID string `json:"session_id"`
	Error     string `json:"error"`
	ErrorCode string `json:"error_code"`
	Tunnels   []struct {
		Subdomain string `json:"subdomain"`
		URL       string `json:"url"`
		Status    string `json:"status"`
	} `json:"tunnels"`
}

type streamHeader struct {
	Type      string `json:"type"`
	Subdomain string `json:"subdomain"`
	LocalPort int    `json:"local_port"`
	RequestID string `json:"request_id"`
	Remote    string `json:"remote_addr"`
}

func writePrefixed(w io.Writer, message interface{}) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	frame := make([]byte, 4, 4+len(text))
	binary.BigEndian.PutUint32(frame, uint32(len(text)))
	_, err = w.Write(append(frame, text...))
	return err
}

func readPrefixed(r io.Reader, limit uint32, message interface{}) error {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size == 0 || size > limit {
		return fmt.Errorf("a message of %d bytes", size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	return json.Unmarshal(text, message)
}

// dial trusts the one certificate whose DER has the SHA-256 `pin`.
func dial(address, pin string) (net.Conn, error) {
	verify := func(certificates [][]byte, _ [][]*x509.Certificate) error {
		sum := sha256.Sum256(certificates[0])
		if hex.EncodeToString(sum[:]) != strings.TrimPrefix(pin, "sha256:") {
			return errors.New("the certificate is not the pinned one")
		}
		return nil
	}
	return tls.Dial("tcp", address, &tls.Config{
		InsecureSkipVerify: true, VerifyPeerCertificate: verify, NextProtos: []string{"tunnel/1"}})
}

func login(session *yamux.Session, hello handshake) (*handshakeResponse, error) {
	stream, err := session.OpenStream()
	if err != nil {
		return nil, err
	}
	payload, _ := json.Marshal(hello)
	now := time.Now().UTC().Format(time.RFC3339)
	if err := writePrefixed(stream, envelope{"handshake", now, payload}); err != nil {
		return nil, err
	}
	var answer envelope
	if err := readPrefixed(stream, controlMax, &answer); err != nil {
		return nil, err
	}
	var response handshakeResponse
	if err := json.Unmarshal(answer.Payload, &response); err != nil {
		return nil, err
	}
	if !response.Success {
		return nil, fmt.Errorf("refused: %s %s", response.ErrorCode, response.Error)
	}
	if len(hello.Capabilities) == 0 {
		stream.Close() // a plain client is done with stream 1
	}
	return &response, nil
}

// gate lets nobody pass before `size` have come (or 20 s have gone).
type gate struct {
	sync.Mutex
	size, here int
	open       chan struct{}
}

func (g *gate) pass() {
	if g.size == 0 {
		return
	}
	g.Lock()
	g.here++
	if g.here == g.size {
		close(g.open)
	}
	g.Unlock()
	select {
	case <-g.open:
	case <-time.After(20 * time.Second):
	}
}

// serve answers one visit: the body back, behind what the header and the request said.
func serve(stream *yamux.Stream, g *gate) {
	defer stream.Close()
	var header streamHeader
	if err := readPrefixed(stream, headerMax, &header); err != nil {
		fmt.Fprintln(os.Stderr, "stream header:", err)
		return
	}
	if header.Type != "http" {
		fmt.Fprintln(os.Stderr, "not a visit:", header.Type)
		return
	}
	request, err := http.ReadRequest(bufio.NewReader(stream))
	if err != nil {
		fmt.Fprintln(os.Stderr, "request:", err)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		fmt.Fprintln(os.Stderr, "body:", err)
		return
	}
	g.pass()
	response := http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header:        http.Header{"X-Path": {request.URL.Path}, "X-Subdomain": {header.Subdomain}},
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}
	if err := response.Write(stream); err != nil {
		fmt.Fprintln(os.Stderr, "response:", err)
	}
}

func runTunnel(arguments []string) error {
	flags := flag.NewFlagSet("tunnel", flag.ExitOnError)
	server := flags.String("server", "", "control address")
	pin := flags.String("pin", "", "SHA-256 of the certificate")
	tokenFile := flags.String("token-file", "", "file with the token")
	subdomain := flags.String("subdomain", "", "name to ask for")
	hold := flags.Int("hold", 0, "answer nobody before so many have come")
	control := flags.Bool("control", false, "offer the capability control")
	flags.Parse(arguments)

	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		return err
	}
	connection, err := dial(*server, *pin)
	if err != nil {
		return err
	}
	session, err := yamux.Client(connection, nil)
	if err != nil {
		return err
	}
	hello := handshake{Version: 1, Token: strings.TrimSpace(string(token)), Tunnels: []tunnel{{*subdomain, 80}}}
	if *control {
		hello.Capabilities = []string{"control"}
	}
	response, err := login(session, hello)
	if err != nil {
		return err
	}
	fmt.Println(response.Tunnels[0].URL)
	g := &gate{size: *hold, open: make(chan struct{})}
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return err
		}
		go serve(stream, g)
	}
}

func runLoad(arguments []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	server := flags.String("server", "", "public address")
	host := flags.String("host", "", "Host field")
	requests := flags.Int("requests", 1000, "all at once")
	flags.Parse(arguments)

	failures := make(chan error, *requests)
	for i := 0; i < *requests; i++ {
		go func(number int) { failures <- oneRequest(*server, *host, number) }(i)
	}
	failed := 0
	for i := 0; i < *requests; i++ {
		if err := <-failures; err != nil {
			failed++
			if failed < 5 {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
	fmt.Printf("%d exact, %d failed\n", *requests-failed, failed)
	if failed > 0 {
		return errors.New("not exact")
	}
	return nil
}

func oneRequest(server, host string, number int) error {
	random := rand.New(rand.NewSource(int64(number)))
	body := make([]byte, random.Intn(65536))
	random.Read(body)
	path := fmt.Sprintf("/request/%d", number)
	connection, err := net.Dial("tcp", server)
	if err != nil {
		return err
	}
	defer connection.Close()
	request, _ := http.NewRequest("POST", "http://"+host+path, bytes.NewReader(body))
	if number%2 == 1 {
		request.ContentLength = -1 // chunked
	}
	if err := request.Write(connection); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	if err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	if response.StatusCode != 200 || response.Header.Get("X-Path") != path || !bytes.Equal(got, body) {
		return fmt.Errorf("%s: status %d, %d of %d bytes, X-Path %q", path, response.StatusCode, len(got), len(body),
			response.Header.Get("X-Path"))
	}
	return nil
}

func runEcho(arguments []string) error {
	flags := flag.NewFlagSet("echo", flag.ExitOnError)
	connect := flags.String("connect", "", "be the yamux client of this address")
	listen := flags.String("listen", "", "be the yamux server here")
	size := flags.Int64("bytes", 1<<20, "bytes each way, all streams together")
	streams := flags.Int("streams", 4, "streams at once")
	flags.Parse(arguments)

	session, err := echoSession(*connect, *listen)
	if err != nil {
		return err
	}
	started := time.Now()
	results := make(chan error, *streams)
	for i := 0; i < *streams; i++ {
		go func(seed int64) { results <- echoStream(session, *size/int64(*streams), seed) }(int64(i))
	}
	for i := 0; i < *streams; i++ {
		if err := <-results; err != nil {
			return err
		}
	}
	seconds := time.Since(started).Seconds()
	fmt.Printf("%d bytes each way on %d streams, hashes equal, %.0f MiB/s\n", *size, *streams, float64(*size)/1048576/seconds)
	return nil
}

func echoSession(connect, listen string) (*yamux.Session, error) {
	config := yamux.DefaultConfig()
	config.ConnectionWriteTimeout = 60 * time.Second // a loaded machine is no broken one
	if connect != "" {
		connection, err := net.Dial("tcp", connect)
		if err != nil {
			return nil, err
		}
		return yamux.Client(connection, config)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	fmt.Println(listener.Addr())
	connection, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	return yamux.Server(connection, config)
}

func echoStream(session *yamux.Session, size, seed int64) error {
	stream, err := session.OpenStream()
	if err != nil {
		return err
	}
	defer stream.Close()
	sent, received := sha256.New(), sha256.New()
	written := make(chan error, 1)
	go func() {
		source := io.LimitReader(rand.New(rand.NewSource(seed)), size)
		_, err := io.CopyBuffer(struct{ io.Writer }{stream}, io.TeeReader(source, sent), make([]byte, 128*1024))
		written <- err
	}()
	if _, err := io.CopyN(received, stream, size); err != nil {
		return fmt.Errorf("reading: %v", err)
	}
	if err := <-written; err != nil {
		return fmt.Errorf("writing: %v", err)
	}
	if !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
		return errors.New("the hashes differ")
	}
	return nil
}

func main() {
	modes := map[string]func([]string) error{"tunnel": runTunnel, "load": runLoad, "echo": runEcho}
	if len(os.Args) < 2 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peer tunnel|load|echo [FLAGS]")
		os.Exit(64)
	}
	if err := modes[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}
