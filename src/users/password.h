/*
 * Passwords as they are stored, "{SCHEME}text" in the manner of Dovecot: read, checked, made. The
 * only code that names libxcrypt.
 *
 * {PLAIN} (also {CLEAR}, {CLEARTEXT}) is the password itself. {CRYPT} is whatever libxcrypt
 * verifies; {BLF-CRYPT}, {SHA512-CRYPT}, {SHA256-CRYPT}, {MD5-CRYPT} and no scheme at all mean the
 * same. Scheme names are case-insensitive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PASSWORD_STORED_SIZE 512 /* enough for what password_make() makes */

/* NULL if the stored text can be used; else what is wrong with it, fit to be shown. */
const char *password_problem(const char *stored);
/* The password behind {PLAIN}, inside stored; NULL for every other scheme. */
const char *password_plain(const char *stored);
/* Blocks for the time that the scheme wants: milliseconds to seconds, except for {PLAIN}. */
bool password_verify(const char *stored, const char *password);
/* About how long password_verify() takes, to compare one with another; 0 for {PLAIN}. */
uint64_t password_cost_microseconds(const char *stored);
/*
 * scheme: one of password_schemes[]; blocks like password_verify(). ERROR_PERMANENT for an unknown
 * scheme and for a password that cannot be stored (a colon in {PLAIN}).
 */
int password_make(
    char *stored, size_t size, const char *scheme, const char *password, struct error *);

/* Names for password_make(), the default first; ended by NULL. */
extern const char *const password_schemes[];
