/* The index of an mbox is brought up to date without a session: see store_learn(). */
#pragma once

#include "store/store.h"

enum learning mbox_learn(const char *path, int index_directory);
