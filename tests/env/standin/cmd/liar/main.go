// SPDX-License-Identifier: Apache-2.0

// liar bends the answers of an API server, one at a time, and judges what a tool makes of each.
//
//	liar [FLAG...] record FILE TOOL ARG...
//	    run TOOL against UPSTREAM and keep the conversation in FILE
//	liar [FLAG...] sweep FILE...
//	    run the tools again, once for each request of each conversation and each variation of its
//	    answer; all other answers are those of the conversation. Prints what is wrong; exit 1 then.
//
// The tool reaches liar at -address (record) or at one of the next -workers addresses (sweep), under
// the certificate DIR/tls.crt. DIR/config is its kubeconfig, whose server is -address; an address in
// a recorded answer becomes that of the run. DIR/files is copied to be its working directory and home.
// A write that the conversation does not have is refused and reported: no lie may lead to a change.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type config struct {
	dir, bin, upstream, address string
	workers, share, seed        int
	one, only                   *regexp.Regexp
	exempt                      []exemption
	transport                   *http.Transport
	server                      *tls.Config
}

func main() {
	var c config
	var one, only, exempt string
	log.SetFlags(0)
	log.SetPrefix("liar: ")
	flag.StringVar(&c.dir, "dir", ".", "directory with config, tls.crt, tls.key, ca.crt, admin.crt, admin.key, files/")
	flag.StringVar(&c.bin, "bin", "", "directory of the tools")
	flag.StringVar(&c.upstream, "upstream", "", "the real server, https://HOST:PORT")
	flag.StringVar(&c.address, "address", "127.77.40.11:6443", "what the tool connects to when it is recorded; its last number has two digits")
	flag.IntVar(&c.workers, "workers", 24, "runs side by side")
	flag.IntVar(&c.share, "share", 1, "one in so many runs, chosen by -seed")
	flag.IntVar(&c.seed, "seed", 1, "which runs are chosen")
	flag.StringVar(&one, "one", "^$", "commands of which each request gets one variation, chosen by -seed")
	flag.StringVar(&only, "only", "", "runs whose COMMAND, REQUEST and VARIATION match")
	flag.StringVar(&exempt, "exempt", "", "file of exemptions: `COMMAND | REQUEST | VARIATION | silent, warns or late | REASON`, the first three as patterns")
	flag.Parse()
	c.one, c.only = regexp.MustCompile(one), regexp.MustCompile(only)
	c.load(exempt)
	args := flag.Args()
	switch {
	case len(args) > 2 && args[0] == "record":
		c.record(args[1], args[2:])
	case len(args) > 1 && args[0] == "sweep":
		os.Exit(c.sweep(args[1:]))
	default:
		log.Fatal("usage: liar [FLAG...] record FILE TOOL ARG... | sweep FILE...")
	}
}

func (c *config) load(exempt string) {
	cert, err := tls.LoadX509KeyPair(filepath.Join(c.dir, "tls.crt"), filepath.Join(c.dir, "tls.key"))
	must(err)
	c.server = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	admin, err := tls.LoadX509KeyPair(filepath.Join(c.dir, "admin.crt"), filepath.Join(c.dir, "admin.key"))
	must(err)
	ca, err := os.ReadFile(filepath.Join(c.dir, "ca.crt"))
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	c.transport = &http.Transport{ForceAttemptHTTP2: true, DisableCompression: true,
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{admin}, RootCAs: pool}}
	if exempt == "" {
		return
	}
	file, err := os.Open(exempt)
	must(err)
	defer file.Close()
	for scan := bufio.NewScanner(file); scan.Scan(); {
		if f := strings.Split(scan.Text(), " | "); len(f) == 5 {
			c.exempt = append(c.exempt, exemption{whole(f[0]), regexp.MustCompile(f[1]), whole(f[2]), f[3] == "silent", f[3] == "late"})
		}
	}
}

func whole(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^(" + strings.TrimSpace(pattern) + ")$")
}

// listen serves on the n-th address from -address.
func (c *config) listen(n int, handler http.Handler) string {
	host, port, err := net.SplitHostPort(c.address)
	must(err)
	ip := net.ParseIP(host).To4()
	ip[3] += byte(n)
	address := net.JoinHostPort(ip.String(), port)
	listener, err := net.Listen("tcp", address)
	must(err)
	server := &http.Server{Handler: handler, TLSConfig: c.server, ErrorLog: log.New(discard{}, "", 0)}
	go func() { log.Fatal(server.ServeTLS(listener, "", "")) }()
	return address
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (c *config) record(file string, tool []string) {
	upstream, err := url.Parse(c.upstream)
	must(err)
	r := &recorder{upstream: upstream, transport: c.transport}
	run := &run{c: c, address: c.listen(0, r), tool: tool}
	run.start()
	defer os.RemoveAll(run.home)
	talk := conversation{Tool: tool, Outcome: run.outcome, Exchanges: r.exchanges}
	text, err := json.Marshal(talk)
	must(err)
	must(os.WriteFile(file, text, 0o600))
	fmt.Printf("%s: exit %d, %d requests\n", strings.Join(tool, " "), run.outcome.Code, len(r.exchanges))
	if run.outcome.Late {
		os.Exit(1)
	}
	for _, e := range r.exchanges {
		if e.writes() {
			fmt.Println("writes")
			break
		}
	}
}
