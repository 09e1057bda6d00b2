/* See index_head.h. */

#include "store/index_head.h"

#include <string.h>

const char *
index_head_problem(const struct index_head *head, const struct index_head *right, size_t file_size)
{
	if (file_size < right->header_size || memcmp(head->magic, right->magic, sizeof(head->magic)) != 0)
		return "it is not an index";
	if (head->byte_order != right->byte_order)
		return "it is from a machine of another byte order";
	if (head->version != right->version || head->header_size != right->header_size ||
	    head->entry_size != right->entry_size)
		return "it is of another version";
	return NULL;
}
