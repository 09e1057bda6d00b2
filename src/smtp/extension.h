/*
 * Address extensions: mail to anna+lists@example.org is anna's, and "lists" says where she wants it.
 */
#pragma once

#include "smtp/path.h"

#define DETAIL_SIZE (LOCAL_OCTETS_MAX + 1)

/*
 * Splits at the first delimiter (NUL: never; nor at the first octet, nor without a domain): *base is the path
 * without it and what follows, detail what follows. detail is "" where there is none, and where it could not be
 * the name of a folder: with "/", a control character, or a dot at its beginning.
 */
void extension_split(const struct path *path, char delimiter, struct path *base, char detail[DETAIL_SIZE]);
