// Package queue keeps events from their acknowledgement until they are posted
// to the book: NATS JetStream, embedded in the process or an outside cluster.
//
//	Put ──▶ group ──▶ one message, synced ──▶ Drain, in order ──▶ post ──▶ purge
//	Put ──▶   ┘                         └──▶ Pop, for an outside consumer
//
// Put returns when the events are on disk: they then survive a kill, and with
// the embedded server a power loss, since every message is synced. Requests
// that arrive while a message is being written share the next one, so that a
// sync is paid by many.
//
// Drain hands events over in the order in which they were put, and forgets them
// when they have been posted. After a crash the last of them are handed over
// again: the book takes each once.
//
// The queue does not need the database. While that is down, events wait within
// a budget of bytes; when it is used up, Put is KindUnavailable with the time
// after which to try again.
//
// The package owns the form of messages and the stream. It does not own what an
// event means, nor who posts it.
package queue
