package probe

import "github.com/mlq-dev/mlq/gpu"

// clean makes all words of a message printable. They are the driver's, and reach
// logs, terminals and the page: no place that shows them has to think of it.
func (m *message) clean() {
	words := []*string{&m.Error, &m.Refused}
	for i := range m.Devices {
		d := &m.Devices[i]
		words = append(words, &d.UUID, (*string)(&d.Kind), &d.Model, &d.PCI, &d.Parent)
	}
	for i := range m.Links {
		words = append(words, &m.Links[i].A, &m.Links[i].B)
	}
	if s := m.Sample; s != nil {
		words = append(words, &s.UUID, (*string)(&s.Fault), &s.Err, &s.Unheld, &s.Recovery)
		for i := range s.Processes {
			words = append(words, &s.Processes[i].User, &s.Processes[i].Name)
		}
	}
	if i := m.Info; i != nil {
		words = append(words, &i.Driver, &i.CUDA, &i.Problem)
		for k := range i.Warnings {
			words = append(words, &i.Warnings[k])
		}
	}
	if m.Event != nil {
		words = append(words, &m.Event.UUID)
	}
	for _, text := range words {
		*text = gpu.Printable(*text)
	}
}
