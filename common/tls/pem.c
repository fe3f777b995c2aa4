// SPDX-License-Identifier: Apache-2.0
/* PEM text from outside: read as people write it, and written again as every reader takes it.
 *
 * OpenSSL, Go and GnuTLS disagree on a byte order mark, blanks before a line, headers, TRUSTED
 * CERTIFICATE and two blocks on one line, and most skip without a message what they do not read.
 * So no text is passed on as it was given: certificates are written again from their DER, and
 * a private key where only certificates belong is refused. */
#include "internal.h"

#include <openssl/pkcs12.h>

#define PEM_MAX ((size_t)16 << 20) /* bytes */

static const char BEGIN[] = "-----BEGIN ", END[] = "-----END ", DASHES[] = "-----";

/* --- blocks --- */

void cert_block_release(struct block *b)
{
	free(b->name);
	rk_buf_release(&b->der);
	*b = BLOCK_INIT;
}

int cert_open_pem(struct pem *in, const char *pem, size_t n, struct rk_err *err)
{
	*in = (struct pem){pem, pem + n};
	if (n > PEM_MAX)
		return rk_err_set(err, RK_FAIL, "larger than %zu MiB: not PEM", PEM_MAX >> 20);
	return 0;
}

/* Over text, if it is next. */
static bool take(struct pem *in, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(in->end - in->p) < n || memcmp(in->p, text, n) != 0)
		return false;
	in->p += n;
	return true;
}

/* Blanks and byte order marks, which `cat a.pem b.pem` also leaves in the middle. */
static void skip_blanks(struct pem *in)
{
	while (in->p < in->end)
		if (*in->p == ' ' || (*in->p >= '\t' && *in->p <= '\r'))
			in->p++;
		else if (!take(in, "\xEF\xBB\xBF"))
			return;
}

/* Lines end in LF, CRLF, or CR alone. */
static void skip_line(struct pem *in)
{
	while (in->p < in->end && *in->p != '\n' && *in->p != '\r')
		in->p++;
}

/* The label that is next, up to the dashes that end it; NULL: there is none. Caller frees. */
static char *take_label(struct pem *in)
{
	const char *from = in->p;

	while (in->p < in->end && ((*in->p >= 'A' && *in->p <= 'Z') ||
					  (*in->p >= '0' && *in->p <= '9') || *in->p == ' '))
		in->p++;
	return in->p > from && take(in, DASHES)
		       ? rk_strndup(from, (size_t)(in->p - from) - strlen(DASHES))
		       : NULL;
}

int cert_next_block(struct pem *in, struct block *b)
{
	rk_auto_free char *last = NULL;
	const char *from, *line;
	struct pem body;

	cert_block_release(b);
	while (!b->name) {
		skip_blanks(in);
		if (in->p == in->end)
			return 0;
		b->name = take(in, BEGIN) ? take_label(in) : NULL;
		if (!b->name)
			skip_line(in);
	}
	body.p = in->p;
	body.end = memmem(in->p, (size_t)(in->end - in->p), END, strlen(END));
	if (!body.end || memmem(body.p, (size_t)(body.end - body.p), BEGIN, strlen(BEGIN)))
		return -1;
	in->p = body.end + strlen(END);
	last = take_label(in);
	if (!rk_streq(last, b->name))
		return -1;

	/* a header: lines up to an empty one, the first with a colon */
	skip_blanks(&body);
	from = body.p;
	skip_line(&body);
	b->headed = memchr(from, ':', (size_t)(body.p - from));
	if (!b->headed)
		body.p = from;
	for (line = from; b->headed && line + strspn(line, " \t") < body.p; skip_line(&body)) {
		if (body.p == body.end)
			return -1;
		if (!take(&body, "\r\n"))
			body.p++;
		line = body.p;
	}
	b->encrypted = memmem(from, (size_t)(line - from), "ENCRYPTED", 9);
	if (rk_base64_decode(&b->der, body.p, (size_t)(body.end - body.p), NULL) < 0)
		return -1;
	return b->der.len ? 1 : -1;
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

/* --- certificates --- */

/* People give what their CA gave them: name the command that makes PEM of it. */
static int no_certificate(const char *pem, size_t n, struct rk_err *err)
{
	const unsigned char *p = (const unsigned char *)pem, *q = p;
	auto_errors;
	auto_x509 *der = d2i_X509(NULL, &p, (long)n);
	PKCS12 *pkcs12 = d2i_PKCS12(NULL, &q, (long)n);

	rk_err_set(err, RK_FAIL, "no certificate in it");
	if (!n)
		rk_err_hint(err, "it is empty");
	else if (n >= 2 && (!memcmp(pem, "\xFF\xFE", 2) || !memcmp(pem, "\xFE\xFF", 2)))
		rk_err_hint(err, "it is UTF-16 text: iconv -f UTF-16 -t UTF-8 FILE");
	else if (der)
		rk_err_hint(err, "it is DER: openssl x509 -inform DER -in FILE");
	else if (pkcs12)
		rk_err_hint(err, "it is PKCS#12: openssl pkcs12 -nokeys -in FILE");
	else if (memmem(pem, n, "BEGIN PKCS7", 11))
		rk_err_hint(err, "it is PKCS#7: openssl pkcs7 -print_certs -in FILE");
	PKCS12_free(pkcs12);
	return -1;
}

int cert_read(const char *pem, size_t n, int max, STACK_OF(X509) **out, struct rk_err *err)
{
	auto_stack *list = sk_X509_new_null();
	auto_block b = BLOCK_INIT;
	auto_errors;
	struct pem in;
	int r;

	if (cert_open_pem(&in, pem, n, err) < 0)
		return -1;
	while ((r = cert_next_block(&in, &b)) == 1) {
		const unsigned char *p = (const unsigned char *)b.der.s, *end = p + b.der.len;
		bool trusted = rk_streq(b.name, PEM_STRING_X509_TRUSTED);
		int number = sk_X509_num(list) + 1;
		auto_x509 *x = NULL;

		if (!trusted && !rk_streq(b.name, PEM_STRING_X509) &&
			!rk_streq(b.name, PEM_STRING_X509_OLD))
			continue;
		if (number > max)
			return rk_err_set(err, RK_FAIL, "more than %d certificates in it", max);
		/* the whole block must be it; a TRUSTED one has OpenSSL's notes behind it */
		x = b.encrypted ? NULL
		    : trusted	? d2i_X509_AUX(NULL, &p, end - p)
				: d2i_X509(NULL, &p, end - p);
		if (!x || p != end || !X509_get0_pubkey(x))
			return rk_err_set(err, RK_FAIL, "certificate %d is damaged", number);
		if (!sk_X509_push(list, rk_steal(&x)))
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

int rk_cert_pem(const struct rk_cert *c, struct rk_buf *out, struct rk_err *err)
{
	return write_list(c->chain, false, out, err);
}

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

/* The certificates, at most max of them, in pem and decoded. */
static int admit(
	struct rk_buf *pem, bool with_key, int max, STACK_OF(X509) **list, struct rk_err *err)
{
	rk_auto_buf out = RK_BUF_INIT;

	if (refuse_key(pem, with_key, err) < 0 || cert_read(pem->s, pem->len, max, list, err) < 0 ||
		write_list(*list, true, &out, err) < 0)
		return -1;
	rk_buf_reset(pem);
	rk_buf_put(pem, out.s, out.len);
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
			if (!rk_streq(b.name, PEM_STRING_X509) || b.headed ||
				++count > BUNDLE_MAX || !cert_is_der(b.der.s, b.der.len))
				break;
			write_block(&out, PEM_STRING_X509, b.der.s, b.der.len);
		}
	if (r != 0 || !count)
		return rk_cert_admit(pem, with_key, err);
	rk_buf_reset(pem);
	rk_buf_put(pem, out.s, out.len);
	return 0;
}

/* --- keys --- */

/* Whether the label says what the block is. In particular it is not an encrypted key. */
static bool is_plain_key(const struct block *b)
{
	int form = cert_is_der(b->der.s, b->der.len) ? cert_key_form(b) : -1;

	return rk_streq(b->name, form == FORM_PKCS8	       ? PEM_STRING_PKCS8INF
				 : form == V_ASN1_INTEGER      ? PEM_STRING_RSA
				 : form == V_ASN1_OCTET_STRING ? PEM_STRING_ECPRIVATEKEY
							       : NULL);
}

/* The key, in pem and decoded. A copy that is compared with its source is kept as it is: only what is not in
 * the usual form is written by OpenSSL, in the notation it came in, and read once more. */
static int admit_key(struct rk_buf *pem, EVP_PKEY **key, struct rk_err *err)
{
	auto_bio *bio = BIO_new(BIO_s_mem());
	auto_block b = BLOCK_INIT;
	auto_errors;
	int r;

	pem->secret = true;
	r = cert_read_key(pem->s, pem->len, &b, key, err);
	if (r == 0 && !is_plain_key(&b)) {
		r = cert_key_form(&b) == FORM_PKCS8
			    ? PEM_write_bio_PKCS8PrivateKey(bio, *key, NULL, NULL, 0, NULL, NULL)
			    : PEM_write_bio_PrivateKey_traditional(
				      bio, *key, NULL, NULL, 0, NULL, NULL);
		rk_buf_reset(pem);
		EVP_PKEY_free(rk_steal(key));
		if (!r || !cert_bio_to_buf(bio, pem))
			return rk_err_set(err, RK_FAIL, "cannot write PEM");
		r = cert_read_key(pem->s, pem->len, &b, key, err);
	}
	rk_buf_reset(pem);
	if (r == 0 && !cert_go_key(*key, &b))
		r = rk_err_set(err, RK_FAIL, "the private key is damaged: its parts do not match");
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
	if (rk_cert_from_chain(out, chain, err) < 0)
		return -1;
	(*out)->key = rk_steal(&pkey);
	return 0;
}
