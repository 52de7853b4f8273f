// Package disk watches how much room a folder's disk has left.
//
// A store that meets a full disk in the middle of a write has to be opened
// again, and one that meets it in the background may end the process. So
// nothing is written any more while there is still room: below a floor a Watch
// says why not, and the stores that ask it refuse what they would have to keep.
//
//	free ≥ floor   Room is nil
//	free < floor   KindStorageFull, until there is room again
//	read-only      KindUnavailable
//
// A ballast file holds some room back that a person can give up at once, by
// deleting it, to get a full disk working again. It is made anew when there is
// plenty of room.
//
// The package owns the floor and the ballast. It does not own what is refused,
// and deletes nothing of anybody's. On systems other than Linux it watches
// nothing.
package disk
