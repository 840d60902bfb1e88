package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// maxConsumers is how many consumers of one user there may be at once.
const maxConsumers = 128

// Entered answers Enter.
type Entered struct {
	Consumer
	Holds []JobID // that it has a lease of; its heartbeat is then not renewed
	Now   time.Time
}

// Enter is a sign of life of a consumer that is to have a job: the first one, and one
// that comes after it was forgotten, makes it known. Where it has a lease, nothing
// but that is told: either it works on that, and says so with Renew, or it lost the
// answer to its claim, and then the lease is to end.
//
// Refusals: ErrForbidden (it is another user's), ErrQuota.
func (s *Scheduler) Enter(ctx context.Context, c Consumer) (Entered, error) {
	host := c.Host()
	q := store.Query{
		Keys: []string{keyConsumer(c.ID), keyAgent(host), keyBeat(host)},
		Ranges: []store.Range{
			{Index: keyActive(host), Limit: maxActive},
			{Index: keyConsumers, From: consumerMember(c.User, ""), To: append([]byte(c.User), 1), Limit: maxConsumers},
		},
	}
	t := transition[Entered]{name: "enter", freeing: true, patient: true, query: q}
	t.decide = func(f *facts) (plan[Entered], error) { return decideEnter(f, c, s.opts.Timing) }
	return run(ctx, s, t)
}

func decideEnter(f *facts, c Consumer, t Timing) (p plan[Entered], err error) {
	host := c.Host()
	known, recordVersion := orEmpty[consumerRecord](f, keyConsumer(c.ID))
	agent, agentVersion := orEmpty[agentRecord](f, keyAgent(host))
	beat, beatVersion := orEmpty[beatRecord](f, keyBeat(host))
	if known.User != "" && known.User != c.User {
		return p, fmt.Errorf("%w: this consumer is another user's", ErrForbidden)
	}
	fresh := recordVersion == 0 || agent.Epoch == 0 || beatVersion == 0
	if fresh && len(f.members(keyConsumers)) >= maxConsumers {
		return p, fmt.Errorf("%w: %s has %d consumers", ErrQuota, c.User, maxConsumers)
	}
	for _, m := range f.members(keyActive(host)) {
		p.value.Holds = append(p.value.Holds, memberID(m))
	}
	if fresh {
		agent = agentRecord{Epoch: max(agent.Epoch+1, uint64(f.Now.UnixMilli())), Joined: stamp(f.Now)}
		p.effect(store.Put(keyAgent(host), encode(agent)), store.Index(keyConsumers, consumerMember(c.User, c.ID)))
	}
	now := consumerRecord{User: c.User, Job: c.Job, Serves: c.Serves}
	if !now.same(&known) || fresh {
		p.effect(store.Put(keyConsumer(c.ID), encode(now)))
	}
	// A heartbeat that is young is good enough: many short jobs cost no write each.
	if old := f.Now.Sub(unstamp(beat.At)) >= t.RenewEvery/2; fresh || old && len(p.value.Holds) == 0 {
		beat = beatRecord{Epoch: agent.Epoch, At: stamp(f.Now)}
		p.effect(store.Put(keyBeat(host), encode(beat)))
	}
	p.guard(store.At(keyConsumer(c.ID), recordVersion), store.At(keyAgent(host), agentVersion), store.At(keyBeat(host), beatVersion))
	p.value.Consumer = Consumer{
		ID: c.ID, User: c.User, Job: c.Job, Serves: c.Serves,
		Epoch: agent.Epoch, Entered: unstamp(agent.Joined), Renewed: unstamp(beat.At),
	}
	p.value.Now = f.Now
	return p, nil
}

// ConsumerByID reads a consumer. ErrNotFound: it is not known, or not any more.
func (s *Scheduler) ConsumerByID(ctx context.Context, id string) (Consumer, error) {
	consumers, err := s.readConsumers(ctx, []string{id})
	if err == nil && len(consumers) == 0 {
		err = fmt.Errorf("%w: consumer %s is not known", ErrNotFound, id)
	}
	if err != nil {
		return Consumer{}, err
	}
	return consumers[0], nil
}

// Consumers lists those of a user that are known, "" of all, by user.
func (s *Scheduler) Consumers(ctx context.Context, user string) ([]Consumer, error) {
	r := store.Range{Index: keyConsumers, Limit: maxHosts}
	if user != "" {
		r.From, r.To = consumerMember(user, ""), append([]byte(user), 1)
	}
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{r}})
	if err != nil {
		return nil, fmt.Errorf("list consumers: %w", err)
	}
	ids := make([]string, len(a.Ranges[0]))
	for i, m := range a.Ranges[0] {
		_, ids[i] = parseConsumer(m)
	}
	return s.readConsumers(ctx, ids)
}

func (s *Scheduler) readConsumers(ctx context.Context, ids []string) ([]Consumer, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var q store.Query
	for _, id := range ids {
		q.Keys = append(q.Keys, keyConsumer(id), keyAgent(ConsumerHost(id)), keyBeat(ConsumerHost(id)))
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read consumers: %w", err)
	}
	f := newFacts(q, a)
	out := make([]Consumer, 0, len(ids))
	for _, id := range ids {
		r, _ := orEmpty[consumerRecord](f, keyConsumer(id))
		agent, _ := orEmpty[agentRecord](f, keyAgent(ConsumerHost(id)))
		beat, _ := orEmpty[beatRecord](f, keyBeat(ConsumerHost(id)))
		if r.User != "" {
			out = append(out, Consumer{
				ID: id, User: r.User, Job: r.Job, Serves: r.Serves, Epoch: agent.Epoch,
				Entered: unstamp(agent.Joined), Renewed: unstamp(beat.At),
			})
		}
	}
	s.damage.tellRecords(&s.opts.Log, f)
	return out, nil
}

// leave forgets a consumer that has no lease any more, on the evidence that it is gone.
func (s *Scheduler) leave(ctx context.Context, host string, e evidence) error {
	id := host[len(consumerPrefix):]
	members, err := s.listingsOf(ctx, id)
	if err != nil {
		return err
	}
	q := store.Query{Keys: []string{keyConsumer(id)}, Ranges: []store.Range{{Index: keyActive(host), Limit: 1}}}
	t := transition[struct{}]{name: "leave", freeing: true, query: q}
	t.decide = func(f *facts) (p plan[struct{}], err error) {
		if len(f.members(keyActive(host))) > 0 {
			return p, nil
		}
		p.guardElse(store.At(e.key, e.version), errAlive)
		p.guardElse(store.Empty(keyActive(host)), errAlive)
		p.guard(store.At(keyConsumer(id), f.record(keyConsumer(id)).Version))
		p.effect(store.Delete(keyConsumer(id)), store.Delete(keyBeat(host)), store.Delete(keyAgent(host)), store.Delete(keyDevice(host)))
		for _, m := range members {
			p.effect(store.Unindex(keyConsumers, m))
		}
		return p, nil
	}
	_, err = run(ctx, s, t)
	return ignore(err, errAlive)
}

// listingsOf are the members of the index of consumers that name this one. Of whose record is damaged
// it is not known whose it was: then all are looked at.
func (s *Scheduler) listingsOf(ctx context.Context, id string) (members [][]byte, err error) {
	known, err := s.readConsumers(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	if len(known) > 0 {
		return [][]byte{consumerMember(known[0].User, id)}, nil
	}
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyConsumers, Limit: maxHosts}}})
	if err != nil {
		return nil, fmt.Errorf("list consumers: %w", err)
	}
	for _, m := range a.Ranges[0] {
		if _, of := parseConsumer(m); of == id {
			members = append(members, m)
		}
	}
	return members, nil
}

// EndConsumer ends the leases of a consumer whose process is certainly gone, as with
// the job that it ran in, and forgets it.
func (s *Scheduler) EndConsumer(ctx context.Context, id, cause string) error {
	host := ConsumerHost(id)
	q := store.Query{Keys: []string{keyBeat(host)}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return fmt.Errorf("end consumer: %w", err)
	}
	beat, version := orEmpty[beatRecord](newFacts(q, a), keyBeat(host))
	life := evidence{keyBeat(host), version, unstamp(beat.At)}
	if _, err := s.reapAll(ctx, host, life, cause, func(*Attempt) bool { return true }); err != nil {
		return err
	}
	return s.leave(ctx, host, life)
}

// holders are the names under which leases are held: hosts and consumers.
func (s *Scheduler) holders(ctx context.Context) ([]string, error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: holderRanges})
	if err != nil {
		return nil, fmt.Errorf("list hosts: %w", err)
	}
	return holdersOf(a.Ranges[0], a.Ranges[1]), nil
}

var holderRanges = []store.Range{{Index: keyHosts, Limit: maxHosts}, {Index: keyConsumers, Limit: maxHosts}}

func holdersOf(hosts, consumers [][]byte) []string {
	names := make([]string, 0, len(hosts)+len(consumers))
	for _, m := range hosts {
		names = append(names, string(m))
	}
	for _, m := range consumers {
		_, id := parseConsumer(m)
		names = append(names, ConsumerHost(id))
	}
	return names
}
