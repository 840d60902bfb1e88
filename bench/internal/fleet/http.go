package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/mlq-dev/mlq/api/agentclient"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// OverHTTP lets a host in at a server and gives its scheduler there, which
// connects from an address of its own, as another machine would.
func (f *Fleet) OverHTTP(ctx context.Context, server, admin, host string, from net.IP) (*agentclient.Scheduler, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	transport := &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4}
	client := &http.Client{Transport: agentclient.Transport(transport)}
	f.mu.Lock()
	f.closes = append(f.closes, func() error { transport.CloseIdleConnections(); return nil })
	f.mu.Unlock()

	var admitted struct {
		Code string `json:"code"`
	}
	if err := post(ctx, client, server+"/hosts", admin, map[string]string{"host": host}, &admitted); err != nil {
		return nil, err
	}
	own, _ := token.New("agent")
	if err := post(ctx, client, server+"/join", "", map[string]string{"code": admitted.Code, "token": own}, nil); err != nil {
		return nil, err
	}
	return agentclient.New(agentclient.Options{Server: server, Token: own, Host: host, HTTP: client, Timing: scheduler.DefaultTiming()}), nil
}

// post sends JSON and reads the answer's into out, if that is not nil.
func post(ctx context.Context, client *http.Client, url, bearer string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // all that counts was read
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s", url, answer.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}
