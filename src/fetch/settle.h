/*
 * Exactly once: finished parcels into the target, and the state told, in the only order in which a crash
 * at any point neither loses a message nor brings it twice:
 *
 *	target_prepare()	the messages are on the disk, nobody sees them
 *	state_intend()		the state knows by which mark they will be found
 *	target_commit()		they are there
 *	state_stored()		the state says so; only now may the server be told to delete
 *
 * What a crash leaves intended recovery_run() clears up by asking the target, before anything is fetched.
 */
#pragma once

#include <stddef.h>

#include "fetch/state.h"
#include "fetch/target.h"

/*
 * At most target_batch_max() parcels. Each has its own outcome in parcel_result(). -1: the state could not
 * be told; then no parcel of these may be deleted on the server, and what became of them the next recovery
 * finds out.
 */
int parcels_settle(struct state *, struct target *, struct parcel *const[], size_t count, struct error *);

struct recovery {
	size_t arrived_count;		/* they were stored after all */
	size_t not_arrived_count;	/* will be fetched again */
	size_t unknown_count;		/* will be fetched again, and may be there twice */
};

/* After state_open(), before anything is fetched. */
int recovery_run(struct state *, struct target *, struct recovery *, struct error *);
