// SPDX-License-Identifier: Apache-2.0
/* What a fuzzer holds to be true of every input. */
#ifndef RK_FUZZ_MUST_H
#define RK_FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

/** Ends the fuzzer, naming the place, when x does not hold. */
#define MUST(x)                                                                 \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                \
		}                                                               \
	} while (0)

#endif
