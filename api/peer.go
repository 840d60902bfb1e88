package api

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
)

// peer is the user at the other end of a loopback connection, looked up once,
// when first asked for.
type peer struct {
	conn net.Conn
	once sync.Once
	uid  int // −1: not known
}

type peerKey struct{}

func withPeer(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, &peer{conn: conn, uid: -1})
}

// peerIs reports whether the request comes over loopback from that user.
func peerIs(r *http.Request, uid int) bool {
	p, ok := r.Context().Value(peerKey{}).(*peer)
	if !ok {
		return false
	}
	p.once.Do(func() { p.uid = lookUp(p.conn) })
	return p.uid >= 0 && p.uid == uid
}

func lookUp(conn net.Conn) int {
	remote, ok := conn.RemoteAddr().(*net.TCPAddr)
	local, ok2 := conn.LocalAddr().(*net.TCPAddr)
	if !ok || !ok2 || !remote.IP.IsLoopback() {
		return -1
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if uid := searchTable(table, remote.AddrPort(), local.AddrPort()); uid >= 0 {
			return uid
		}
	}
	return -1
}

// searchTable finds the peer's own end of the connection: its local address is
// our remote one. Only an established socket counts; in later states the
// kernel shows user 0, whoever owned it.
func searchTable(table string, from, to netip.AddrPort) int {
	file, err := os.Open(table)
	if err != nil {
		return -1
	}
	defer file.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 8 || f[3] != "01" || !isAddr(f[1], from) || !isAddr(f[2], to) {
			continue
		}
		if uid, err := strconv.Atoi(f[7]); err == nil {
			return uid
		}
	}
	return -1
}

func isAddr(text string, want netip.AddrPort) bool {
	got, err := parseProcAddr(text)
	return err == nil && got.Port() == want.Port() && got.Addr().Unmap() == want.Addr().Unmap()
}

// parseProcAddr reads "0100007F:1389": the address as 32-bit words in the
// byte order of the machine, the port in hexadecimal.
func parseProcAddr(text string) (netip.AddrPort, error) {
	addr, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(addr)
	if !ok || err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("not an address of /proc/net/tcp: %q", text)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	ip, ok := netip.AddrFromSlice(raw)
	n, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("not an address of /proc/net/tcp: %q", text)
	}
	return netip.AddrPortFrom(ip, uint16(n)), nil
}
