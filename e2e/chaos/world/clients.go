package world

import (
	"fmt"
	"strings"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// storeURL makes the links of one client of the store, and gives the URL with
// which it reaches sentinels and servers over them.
func (w *World) storeURL(client, user string) (string, error) {
	s, names := w.Store, table{}
	for _, r := range s.Servers {
		l, err := w.link(client, r.Name, local(r.port), faultproxy.Redis)
		if err != nil {
			return "", err
		}
		names[portOf(r.watched.Addr())] = portOf(l.Addr())
	}
	var fronts []*translator
	var addrs []string
	for _, sentinel := range s.Sentinels {
		front, err := newTranslator(local(sentinel.port))
		if err != nil {
			return "", err
		}
		w.translators = append(w.translators, front)
		l, err := w.link(client, sentinel.Name, front.addr(), faultproxy.Raw)
		if err != nil {
			return "", err
		}
		names[sentinel.port] = portOf(l.Addr())
		fronts, addrs = append(fronts, front), append(addrs, l.Addr())
	}
	for _, front := range fronts {
		front.use(nil, names)
	}
	return fmt.Sprintf("redis+sentinel://%s:pw@%s/%s/0?namespace=%s", user, strings.Join(addrs, ","), masterName, namespace), nil
}
