// SPDX-License-Identifier: Apache-2.0
/* buf - growable byte string with a hard cap.
 *
 * Invariant: b->s is never NULL and always NUL-terminated; b->s[b->len] == 0. The bytes may
 * hold NUL themselves; b->len counts. A cap keeps a server from filling memory through a
 * callback. A secret buffer wipes what it drops, when it grows and when it is released. */
#ifndef RK_BUF_H
#define RK_BUF_H

#include "rk.h"

struct rk_err;

struct rk_buf {
	char *s;
	size_t len;
	size_t alloc; /* 0: s points to a static empty string */
	size_t max;   /* largest len; 0 means RK_BUF_MAX */
	bool secret;
};

#define RK_BUF_MAX ((size_t)256 << 20)

extern char rk_buf_empty[1];
#define RK_BUF_INIT               \
	{                         \
		.s = rk_buf_empty \
	}
#define RK_BUF_INIT_SECRET                        \
	{                                         \
		.s = rk_buf_empty, .secret = true \
	}

void rk_buf_init(struct rk_buf *b, size_t max);

/* Free the contents (wiped when secret) and make the buffer empty again. */
void rk_buf_release(struct rk_buf *b);

/* Set len to 0; the memory stays (wiped when secret). */
void rk_buf_reset(struct rk_buf *b);

/* Append n bytes, copied. Errors: RK_FAIL when the cap would be passed; b is unchanged then. */
int rk_buf_add(struct rk_buf *b, const void *p, size_t n, struct rk_err *err) RK_MUST_USE;

/* The same for text that rk3k itself makes and that cannot reach the cap: passing it is a bug
 * and ends the process. */
void rk_buf_put(struct rk_buf *b, const void *p, size_t n);
void rk_buf_puts(struct rk_buf *b, const char *s);
void rk_buf_putc(struct rk_buf *b, char c);
void rk_buf_addf(struct rk_buf *b, const char *fmt, ...) RK_PRINTF(2, 3);

/* Make room for n more bytes and return the place to write them; set len with rk_buf_grow(). */
char *rk_buf_reserve(struct rk_buf *b, size_t n);
void rk_buf_grow(struct rk_buf *b, size_t n);

/* Hand the string over: the caller frees it (rk_free_secret for a secret one); b is empty. */
char *rk_buf_detach(struct rk_buf *b);

/* Base64 (RFC 4648, with padding). Decoding skips blanks and line breaks and refuses all else; spare
 * bits at the end are ignored, as in Go. */
void rk_base64(struct rk_buf *out, const void *p, size_t n);
int rk_base64_decode(struct rk_buf *out, const char *s, size_t n, struct rk_err *err) RK_MUST_USE;

/* Length (1 to 4) of the valid UTF-8 sequence at s, its code point in *cp; 0: invalid. */
size_t rk_utf8(const char *s, size_t n, uint32_t *cp);
/* The sequence of a code point (up to U+10FFFF) to o, which has room for 4 bytes; its length. */
size_t rk_utf8_put(char *o, uint32_t c);
/* Whether a character could deceive a reader: C1 controls, line separators, and what turns the
 * direction of writing (Unicode's bidi controls). Not the ASCII controls. */
bool rk_deceptive(uint32_t cp);

/* Percent-encode everything but RFC 3986 unreserved characters. */
void rk_urlencode(struct rk_buf *out, const char *s);

static inline void rk_cleanup_buf_(struct rk_buf *b)
{
	rk_buf_release(b);
}
#define rk_auto_buf __attribute__((cleanup(rk_cleanup_buf_))) struct rk_buf

#endif
