// SPDX-License-Identifier: Apache-2.0
/* WebSocket frames, as RFC 6455 has them. */
#include "ws.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void accept_key(void **state)
{
	char out[29];

	(void)state;
	rk_ws_accept("dGhlIHNhbXBsZSBub25jZQ==", out); /* section 1.3 */
	assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void masked(void **state)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	static const unsigned char want[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d,
		0x51, 0x58}; /* "Hello", section 5.7 */
	rk_auto_buf b = RK_BUF_INIT;

	(void)state;
	rk_ws_put(&b, 1, "Hello", 5, mask);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.s, want, sizeof(want));
}

static void lengths(void **state)
{
	static const unsigned char mask[4];
	static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 200000};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(sizes); i++) {
		rk_auto_free char *text = rk_calloc(1, sizes[i] + 1);
		rk_auto_buf b = RK_BUF_INIT;
		struct rk_ws_frame f;
		unsigned char *p;

		rk_ws_put(&b, 2, text, sizes[i], mask);
		p = (unsigned char *)b.s;
		p[1] &= 0x7f; /* as a server would send it: with no mask, four bytes less */
		assert_int_equal(rk_ws_frame(p, b.len - 4, 1 << 20, &f), 1);
		assert_int_equal(f.len, sizes[i]);
		assert_int_equal(f.head + f.len, b.len - 4);
		assert_int_equal(f.opcode, 2);
		assert_true(f.fin);
		for (size_t n = 0; n < b.len - 4 && n < 20; n++)
			assert_int_equal(rk_ws_frame(p, n, 1 << 20, &f), 0);
	}
}

static void against_the_protocol(void **state)
{
	static const unsigned char bad[][10] = {
		{0x82, 0x81, 0, 0, 0, 0, 0},		/* masked by the server */
		{0xc2, 0x01, 0},			/* a reserved bit */
		{0x82, 126, 0xff, 0xff},		/* larger than the limit */
		{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1}, /* absurdly large */
	};

	(void)state;
	for (size_t i = 0; i < RK_COUNT(bad); i++) {
		struct rk_ws_frame f;

		assert_int_equal(rk_ws_frame(bad[i], sizeof(bad[i]), 1000, &f), -1);
	}
}

static void parts(void **state)
{
	static const unsigned char part[] = {0x02, 1, 'a'}, rest[] = {0x80, 1, 'b'};
	struct rk_ws_frame f;

	(void)state;
	assert_int_equal(rk_ws_frame(part, 3, 10, &f), 1);
	assert_false(f.fin);
	assert_int_equal(rk_ws_frame(rest, 3, 10, &f), 1);
	assert_true(f.fin);
	assert_int_equal(f.opcode, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_key),
		cmocka_unit_test(masked),
		cmocka_unit_test(lengths),
		cmocka_unit_test(against_the_protocol),
		cmocka_unit_test(parts),
	};

	return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
