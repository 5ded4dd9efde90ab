package wire

import (
	"crypto/sha256"
	"sync"
	"time"
)

type tokenHash = [sha256.Size]byte

// tokenAnswer is what the API server said about a token.
type tokenAnswer struct {
	caller Caller
	err    error
	until  time.Time
}

// tokenMemory remembers a bounded number of answers for a short time. It is safe for concurrent use.
type tokenMemory struct {
	mu      sync.Mutex
	answers map[tokenHash]tokenAnswer
	limit   int
}

func (m *tokenMemory) recall(hash tokenHash, now time.Time) (tokenAnswer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, known := m.answers[hash]
	return answer, known && now.Before(answer.until)
}

func (m *tokenMemory) keep(hash tokenHash, answer tokenAnswer, now time.Time) {
	answer.until = now.Add(keepAccepted)
	if answer.err != nil {
		answer.until = now.Add(keepRefused)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.answers[hash]; !known && len(m.answers) >= m.limit {
		m.makeRoom(now)
	}
	m.answers[hash] = answer
}

// makeRoom forgets what is out of date, and if that is nothing, a refusal or else any answer: it costs one more
// question.
func (m *tokenMemory) makeRoom(now time.Time) {
	var victim tokenHash
	refused := false
	for hash, answer := range m.answers {
		if !now.Before(answer.until) {
			delete(m.answers, hash)
			continue
		}
		if !refused {
			victim, refused = hash, answer.err != nil
		}
	}
	if len(m.answers) >= m.limit {
		delete(m.answers, victim)
	}
}
