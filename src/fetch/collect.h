/*
 * One run of one account: what is new on the server goes into the target, what need not stay there is deleted.
 *
 * Exactly once: a message is stored and the state says so on the disk before DELE is sent (settle.h), and it
 * counts as deleted when QUIT was answered. A connection that is lost is made again, a few times, with the
 * rest. Blocks; a thread of its own for each account.
 */
#pragma once

#include "fetch/command.h"
#include "fetch/link.h"
#include "fetch/report.h"
#include "fetch/stop.h"

struct collect_settings {
	const struct fetch_context *context;
	const struct account *account;
	struct report *report;
	struct credentials *credentials;
	struct link *link; /* initialized; link_cut() may be used on it meanwhile */
	struct stop *stop;
	unsigned slot; /* of its progress line */
	size_t batch_max; /* as in struct target_settings */
	bool is_dry;   /* change nothing, neither here nor there */
	bool is_refetch;
};

struct collect_sums {
	uint64_t fetched_count, fetched_octets, skipped_count, deleted_count, failed_count;
	uint64_t too_big_count, left_count;
};

struct collect_result {
	int status;                   /* of sysexits.h */
	uint64_t login_delay_seconds; /* the least time between two logins that the server takes; 0: any */
	struct collect_sums sums;
};

void collect_account(const struct collect_settings *, struct collect_result *);
