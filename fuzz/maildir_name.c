/* File names in a Maildir, as anybody who can deliver mail may choose them. */

#include "fuzz.h"
#include "store/maildir_name.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = fuzz_text(data, size), uidl[UIDL_SIZE];
	struct maildir_name parsed;
	size_t length = strlen(name);

	maildir_name_parse(&parsed, name);
	PROMISE(parsed.unique_size <= parsed.base_size && parsed.base_size <= length);
	PROMISE(memchr(name, ':', parsed.base_size) == NULL);
	if (maildir_name_is_uidl(name, parsed.unique_size)) {
		PROMISE(parsed.unique_size >= 1 && parsed.unique_size < UIDL_SIZE);
		for (size_t i = 0; i < parsed.unique_size; i++)
			PROMISE(name[i] >= 0x21 && name[i] <= 0x7e);
	}
	maildir_name_digest(name, parsed.unique_size, (unsigned)length, uidl);
	PROMISE(maildir_name_is_uidl(uidl, strlen(uidl)));
	free(name);
	return 0;
}
