package faultproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type httpFormat struct{}

func (httpFormat) next(r *bufio.Reader) (kind, error) {
	request, err := http.ReadRequest(r)
	if err != nil {
		return reading, err
	}
	defer request.Body.Close()
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return reading, err
	}
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, request.Method) {
		return reading, nil
	}
	return changing, nil
}

func (httpFormat) take(c *net.TCPConn) error {
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

type redisFormat struct{}

var redisKinds = map[string]kind{
	"HELLO": greeting, "AUTH": greeting, "SELECT": greeting, "EVALSHA": changing, "EVAL": changing,
}

// next reads one command, and of its arguments keeps only the first.
func (redisFormat) next(r *bufio.Reader) (kind, error) {
	arguments, err := redisLength(r, '*')
	if err != nil {
		return reading, err
	}
	var name strings.Builder
	for i := range arguments {
		size, err := redisLength(r, '$')
		if err != nil {
			return reading, err
		}
		into := io.Discard
		if i == 0 {
			into = &name
		}
		if _, err := io.CopyN(into, r, int64(size)); err != nil {
			return reading, err
		}
		if _, err := r.Discard(len("\r\n")); err != nil {
			return reading, err
		}
	}
	return redisKinds[strings.ToUpper(name.String())], nil
}

// redisLength reads a line like "*3" or "$12".
func redisLength(r *bufio.Reader, mark byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" || line[0] != mark {
		return 0, fmt.Errorf("not RESP: %q instead of %c", line, mark)
	}
	return strconv.Atoi(line[1:])
}

// take says that nothing follows, upon which Redis carries out what came and
// ends the connection.
func (redisFormat) take(c *net.TCPConn) error {
	if err := c.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}
