/*
 * A user's quota, as the users file has it: in the last field Dovecot's quota_rule, with or without
 * userdb_ before it. For src/users only.
 *
 *	userdb_quota_rule=*:storage=1G:messages=10000
 *
 * storage is in KiB, bytes in octets, if no unit follows (B, K, M, G, T); 0 is no limit. What is for
 * other mailboxes than "*" is of no use here and left out, as are other words of the field.
 */
#pragma once

#include "users/users.h"

/*
 * extra: the last field, of words separated by blanks. NULL: *quota is what it says, not given if it
 * says nothing. Otherwise what is wrong; the user has no quota then, not even the one of all.
 */
const char *quota_take(struct user_quota *quota, const char *extra);
