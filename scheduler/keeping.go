package scheduler

import (
	"fmt"
	"time"
)

// resultTTL is how long an ended job of this user stays that asks for so much; 0:
// for ever. Without a wish the server's default holds, or its maximum.
func (w Who) resultTTL(asked time.Duration) time.Duration {
	switch most := w.MaxResultTTL; {
	case asked > 0:
		return asked
	case w.DefaultResultTTL > 0:
		return w.DefaultResultTTL
	default:
		return most
	}
}

// checkResultTTL refuses a wish above the server's maximum: a result that goes
// earlier than somebody asked for would be lost without a word.
func (w Who) checkResultTTL(asked time.Duration) error {
	if most := w.MaxResultTTL; most > 0 && asked > most {
		return &FieldError{"result_ttl", fmt.Sprintf("%s is above the limit of %s (the server's maximum)", Words(asked), Words(most))}
	}
	return nil
}

// keepAgain is resultTTL of a job that is run again: made before there was a maximum,
// it may have asked for more.
func (w Who) keepAgain(asked time.Duration) time.Duration {
	if w.checkResultTTL(asked) != nil {
		return w.MaxResultTTL
	}
	return w.resultTTL(asked)
}
