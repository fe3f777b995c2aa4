// SPDX-License-Identifier: Apache-2.0
/* PEM text from outside: read as people write it, and written again as every reader takes it.
 *
 * OpenSSL, Go and GnuTLS disagree on a byte order mark, blanks before a line, headers, TRUSTED
 * CERTIFICATE and two blocks on one line, and most skip without a message what they do not read.
 * So no text is passed on as it was given: certificates are written again from their DER, and
 * a private key where only certificates belong is refused. */
#include "internal.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <strings.h>

#define PEM_MAX ((size_t)16 << 20) /* bytes */

static const char BOM[] = "\xEF\xBB\xBF", BEGIN[] = "-----BEGIN ", END[] = "-----END ",
		  DASHES[] = "-----";

/* --- blocks --- */

void cert_block_release(struct block *b)
{
	free(b->name);
	free(b->header);
	rk_buf_release(&b->der);
	*b = BLOCK_INIT;
}

int cert_open_pem(struct pem *in, const char *pem, size_t n, struct rk_err *err)
{
	*in = (struct pem){pem, pem + n};
	if (n > PEM_MAX)
		return rk_err_set(
			err, RK_FAIL, "larger than %zu MiB, which no PEM text is", PEM_MAX >> 20);
	return 0;
}

static bool at(const struct pem *in, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(in->end - in->p) >= n && !memcmp(in->p, text, n);
}

/* Blanks and byte order marks, which `cat a.pem b.pem` also leaves in the middle. */
static void skip_blanks(struct pem *in)
{
	while (in->p < in->end)
		if (*in->p == ' ' || (*in->p >= '\t' && *in->p <= '\r'))
			in->p++;
		else if (at(in, BOM))
			in->p += strlen(BOM);
		else
			return;
}

/* Lines end in LF, CRLF, or CR alone. */
static void skip_line(struct pem *in)
{
	while (in->p < in->end && *in->p != '\n' && *in->p != '\r')
		in->p++;
}

/* The label at in->p, up to the dashes that end it; NULL: there is none. Caller frees. */
static char *take_label(struct pem *in)
{
	const char *from = in->p, *p = from;

	while (p < in->end && ((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == ' '))
		p++;
	in->p = p;
	if (p == from || !at(in, DASHES))
		return NULL;
	in->p += strlen(DASHES);
	return rk_strndup(from, (size_t)(p - from));
}

static void next_line(struct pem *in)
{
	skip_line(in);
	in->p += at(in, "\r\n") ? 2 : in->p < in->end;
}

/* Take the header off the front of a body: lines with a colon, up to an empty line. */
static bool take_header(struct pem *body, char **header)
{
	const char *from;

	skip_blanks(body);
	from = body->p;
	skip_line(body);
	if (!memchr(from, ':', (size_t)(body->p - from))) {
		body->p = from;
		*header = rk_strdup("");
		return true;
	}
	while (body->p < body->end) {
		const char *line;

		next_line(body);
		line = body->p;
		skip_line(body);
		if (body->p < body->end && line + strspn(line, " \t") >= body->p) {
			*header = rk_strndup(from, (size_t)(line - from));
			return true;
		}
	}
	return false;
}

int cert_next_block(struct pem *in, struct block *b)
{
	struct pem body;
	rk_auto_free char *last = NULL;
	const char *end;

	cert_block_release(b);
	for (skip_blanks(in); !b->name && in->p < in->end; skip_blanks(in)) {
		if (at(in, BEGIN)) {
			in->p += strlen(BEGIN);
			b->name = take_label(in);
			if (b->name)
				break;
		}
		skip_line(in);
	}
	if (!b->name)
		return 0;
	body.p = in->p;
	end = memmem(in->p, (size_t)(in->end - in->p), END, strlen(END));
	if (!end || memmem(in->p, (size_t)(end - in->p), BEGIN, strlen(BEGIN)))
		return -1;
	body.end = end;
	in->p = end + strlen(END);
	last = take_label(in);
	if (!rk_streq(last, b->name) || !take_header(&body, &b->header) ||
		rk_base64_decode(&b->der, body.p, (size_t)(body.end - body.p), NULL) < 0 ||
		!b->der.len)
		return -1;
	return 1;
}

/* --- what else it may be --- */

/* A line that begins a private key, in any notation and wherever it is: also behind a comment's
 * mark, indented, or in a text with escaped line breaks. */
static bool holds_key(const char *pem, size_t n)
{
	static const char what[] = "PRIVATE KEY", begin[] = "BEGIN";
	const char *p = pem, *q;

	while ((p = memmem(p, n - (size_t)(p - pem), what, strlen(what)))) {
		q = p++;
		for (int back = 0; q > pem && q[-1] != '\n' && q[-1] != '\r' && back < 64; back++)
			if (!memcmp(--q, begin, strlen(begin)))
				return true;
	}
	return false;
}

/* People give what their CA gave them: name the command that makes PEM of it. */
static int no_certificate(const char *pem, size_t n, struct rk_err *err)
{
	const unsigned char *p = (const unsigned char *)pem, *q = p;
	const char *hint = NULL;
	PKCS12 *pkcs12;
	X509 *der;

	ERR_set_mark();
	der = d2i_X509(NULL, &p, (long)n);
	pkcs12 = d2i_PKCS12(NULL, &q, (long)n);
	ERR_pop_to_mark();
	if (!n)
		hint = "it is empty";
	else if (n >= 2 && (!memcmp(pem, "\xFF\xFE", 2) || !memcmp(pem, "\xFE\xFF", 2)))
		hint = "it is UTF-16 text: iconv -f UTF-16 -t UTF-8 FILE";
	else if (der)
		hint = "it is DER: openssl x509 -inform DER -in FILE";
	else if (pkcs12)
		hint = "it is PKCS#12: openssl pkcs12 -nokeys -in FILE";
	else if (memmem(pem, n, "BEGIN PKCS7", 11))
		hint = "it is PKCS#7: openssl pkcs7 -print_certs -in FILE";
	X509_free(der);
	PKCS12_free(pkcs12);
	rk_err_set(err, RK_FAIL, "no certificate in it");
	return hint ? rk_err_hint(err, "%s", hint) : -1;
}

/* --- certificates --- */

static bool is_cert_block(const struct block *b)
{
	return rk_streq(b->name, PEM_STRING_X509) || rk_streq(b->name, PEM_STRING_X509_OLD) ||
	       rk_streq(b->name, PEM_STRING_X509_TRUSTED);
}

/* The whole of the block must be the certificate; a TRUSTED one has OpenSSL's notes behind it. */
static X509 *block_cert(const struct block *b)
{
	const unsigned char *p = (const unsigned char *)b->der.s, *end = p + b->der.len;
	X509 *x;

	ERR_set_mark();
	x = rk_streq(b->name, PEM_STRING_X509_TRUSTED) ? d2i_X509_AUX(NULL, &p, (long)b->der.len)
						       : d2i_X509(NULL, &p, (long)b->der.len);
	if (x && (p != end || !X509_get0_pubkey(x))) {
		X509_free(x);
		x = NULL;
	}
	ERR_pop_to_mark();
	return x;
}

int cert_read(const char *pem, size_t n, int max, STACK_OF(X509) **out, struct rk_err *err)
{
	auto_stack *list = sk_X509_new_null();
	auto_block b = BLOCK_INIT;
	struct pem in;
	int r;

	if (cert_open_pem(&in, pem, n, err) < 0)
		return -1;
	while ((r = cert_next_block(&in, &b)) == 1) {
		int number = sk_X509_num(list) + 1;
		X509 *x;

		if (!is_cert_block(&b))
			continue;
		if (number > max)
			return rk_err_set(err, RK_FAIL, "more than %d certificates in it", max);
		x = strstr(b.header, "ENCRYPTED") ? NULL : block_cert(&b);
		if (!x)
			return rk_err_set(err, RK_FAIL, "certificate %d is damaged", number);
		if (!sk_X509_push(list, x))
			abort();
	}
	if (r < 0)
		return rk_err_set(err, RK_FAIL, "certificate %d is damaged or cut off",
			sk_X509_num(list) + 1);
	if (!sk_X509_num(list))
		return no_certificate(pem, n, err);
	*out = rk_steal(&list);
	return 0;
}

/* As RFC 7468 has it: lines of 64 characters. */
static void write_block(struct rk_buf *out, const char *label, const void *der, size_t n)
{
	enum { LINE = 48 };
	const char *p = der;

	rk_buf_addf(out, "%s%s%s\n", BEGIN, label, DASHES);
	for (size_t i = 0; i < n; i += LINE) {
		rk_base64(out, p + i, n - i < LINE ? n - i : LINE);
		rk_buf_putc(out, '\n');
	}
	rk_buf_addf(out, "%s%s%s\n", END, label, DASHES);
}

/* go: not what Go does not read and passes over: the CA would be missing without a message. */
static int write_list(const STACK_OF(X509) *list, bool go, struct rk_buf *out, struct rk_err *err)
{
	for (int i = 0; i < sk_X509_num(list); i++) {
		X509 *x = sk_X509_value(list, i);
		unsigned char *der = NULL;
		int n = i2d_X509(x, &der);
		const char *why = n > 0 && go ? cert_go_trouble(x, der, (size_t)n) : NULL;

		if (n > 0)
			write_block(out, PEM_STRING_X509, der, (size_t)n);
		OPENSSL_free(der);
		if (n <= 0)
			return rk_err_set(err, RK_FAIL, "certificate %d is damaged", i + 1);
		if (why)
			return rk_err_set(err, RK_FAIL,
				"certificate %d cannot be read by programs written in Go "
				"(kubectl, helm, Rancher): %s",
				i + 1, why);
	}
	return 0;
}

int cert_write(const STACK_OF(X509) *list, struct rk_buf *out, struct rk_err *err)
{
	return write_list(list, false, out, err);
}

static int refuse_key(struct rk_buf *pem, bool with_key, struct rk_err *err)
{
	if (!holds_key(pem->s, pem->len))
		return 0;
	pem->secret = true; /* so that it is wiped */
	if (with_key)
		return 0;
	rk_buf_reset(pem);
	rk_err_set(err, RK_FAIL, "it holds a private key, and only certificates belong here");
	return rk_err_hint(err,
		"put only the certificates into a file: openssl crl2pkcs7 -nocrl -certfile "
		"FILE | openssl pkcs7 -print_certs -out CERTIFICATES.pem");
}

static void replace(struct rk_buf *pem, const struct rk_buf *with)
{
	rk_buf_reset(pem);
	rk_buf_put(pem, with->s, with->len);
}

/* The certificates, at most max of them, in pem and decoded. */
static int admit(
	struct rk_buf *pem, bool with_key, int max, STACK_OF(X509) **list, struct rk_err *err)
{
	rk_auto_buf out = RK_BUF_INIT;

	if (refuse_key(pem, with_key, err) < 0 || cert_read(pem->s, pem->len, max, list, err) < 0 ||
		write_list(*list, true, &out, err) < 0)
		return -1;
	replace(pem, &out);
	return 0;
}

int rk_cert_admit(struct rk_buf *pem, bool with_key, struct rk_err *err)
{
	auto_stack *list = NULL;

	return admit(pem, with_key, BUNDLE_MAX, &list, err);
}

int rk_cert_admit_tls(struct rk_buf *pem, bool with_key, struct rk_err *err)
{
	rk_auto_buf out = RK_BUF_INIT;
	auto_block b = BLOCK_INIT;
	struct pem in;
	int r = -1, count = 0;

	if (refuse_key(pem, with_key, err) < 0)
		return -1;
	if (cert_open_pem(&in, pem->s, pem->len, NULL) == 0)
		while ((r = cert_next_block(&in, &b)) == 1) {
			if (!rk_streq(b.name, PEM_STRING_X509) || b.header[0] ||
				++count > BUNDLE_MAX || !cert_is_der(b.der.s, b.der.len))
				break;
			write_block(&out, PEM_STRING_X509, b.der.s, b.der.len);
		}
	if (r != 0 || !count)
		return rk_cert_admit(pem, with_key, err);
	replace(pem, &out);
	return 0;
}

/* --- keys --- */

/* PKCS#8 wraps the algorithm around what the older notations have alone. */
static bool is_pkcs8(const struct block *b)
{
	struct pem in = {b->der.s, b->der.s + b->der.len};

	return cert_enter(&in) && cert_skip(&in) && in.p < in.end && *in.p == 0x30;
}

/* Whether a block is what its label says, as far as the outermost structure tells. In particular it is
 * not an encrypted key, which does not begin with a version. */
static bool is_plain_key(const struct block *b)
{
	struct pem in = {b->der.s, b->der.s + b->der.len};

	if (!cert_is_der(b->der.s, b->der.len) || *in.p != 0x30 || !cert_enter(&in) ||
		in.p == in.end || *in.p != V_ASN1_INTEGER)
		return false;
	if (!cert_skip(&in) || in.p == in.end)
		return false;
	switch (*in.p) {
	case 0x30:
		return rk_streq(b->name, PEM_STRING_PKCS8INF);
	case V_ASN1_INTEGER:
		return rk_streq(b->name, PEM_STRING_RSA);
	default:
		return *in.p == V_ASN1_OCTET_STRING && rk_streq(b->name, PEM_STRING_ECPRIVATEKEY);
	}
}

/* The key, in pem and decoded. A copy that is compared with its source is kept as it is: only what is not in
 * the usual form is written by OpenSSL, in the notation it came in, and read once more. */
static int read_plain_key(struct rk_buf *pem, struct block *b, EVP_PKEY **key, struct rk_err *err)
{
	auto_bio *bio = NULL;
	bool good;

	if (cert_find_key(pem->s, pem->len, b, err) < 0 || cert_decode_key(b, key, err) < 0)
		return -1;
	if (is_plain_key(b))
		return 0;
	bio = BIO_new(BIO_s_mem()); /* its memory is wiped when freed */
	good = bio &&
	       (is_pkcs8(b) ? PEM_write_bio_PKCS8PrivateKey(bio, *key, NULL, NULL, 0, NULL, NULL)
			    : PEM_write_bio_PrivateKey_traditional(
				      bio, *key, NULL, NULL, 0, NULL, NULL));
	rk_buf_reset(pem);
	if (!good || !cert_bio_to_buf(bio, pem))
		return rk_err_set(err, RK_FAIL, "cannot write PEM");
	EVP_PKEY_free(rk_steal(key));
	return cert_find_key(pem->s, pem->len, b, err) < 0 ? -1 : cert_decode_key(b, key, err);
}

static int admit_key(struct rk_buf *pem, EVP_PKEY **key, struct rk_err *err)
{
	auto_block b = BLOCK_INIT;
	int r;

	pem->secret = true;
	ERR_set_mark();
	r = read_plain_key(pem, &b, key, err);
	rk_buf_reset(pem);
	if (r == 0 && !cert_go_key(*key, &b, is_pkcs8(&b)))
		r = rk_err_set(
			err, RK_FAIL, "the private key is damaged: its parts do not fit together");
	ERR_pop_to_mark();
	if (r == 0)
		write_block(pem, b.name, b.der.s, b.der.len);
	return r;
}

int rk_cert_admit_key(struct rk_buf *pem, struct rk_err *err)
{
	auto_pkey *key = NULL;

	return admit_key(pem, &key, err);
}

int rk_cert_admit_tls_key(struct rk_buf *pem, struct rk_err *err)
{
	auto_block b = BLOCK_INIT;

	pem->secret = true;
	if (cert_find_key(pem->s, pem->len, &b, err) < 0)
		return -1;
	if (!is_plain_key(&b))
		return rk_cert_admit_key(pem, err);
	rk_buf_reset(pem);
	write_block(pem, b.name, b.der.s, b.der.len);
	return 0;
}

int rk_cert_admit_pair(
	struct rk_cert **out, struct rk_buf *crt, struct rk_buf *key, struct rk_err *err)
{
	auto_stack *chain = NULL;
	auto_pkey *pkey = NULL;

	*out = NULL;
	if (admit(crt, false, CHAIN_MAX, &chain, err) < 0)
		return rk_err_wrap(err, "tls.crt");
	if (admit_key(key, &pkey, err) < 0)
		return rk_err_wrap(err, "tls.key");
	if (cert_from_chain(out, &chain, err) < 0)
		return -1;
	(*out)->key = rk_steal(&pkey);
	return 0;
}
