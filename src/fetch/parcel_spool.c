/* A message that is kept in a file until it is whole, for targets that take it in one go: see target_inside.h. */

#include <unistd.h>

#include "fetch/target_inside.h"

int
parcel_spool_begin(struct parcel *parcel, struct error *error)
{
	parcel->spool = append_spool_open(error);
	append_lines_begin(&parcel->lines);
	return parcel->spool >= 0 ? 0 : -1;
}

void
parcel_spool_end(struct parcel *parcel)
{
	if (parcel->spool >= 0)
		close(parcel->spool);
	parcel->spool = -1;
}
