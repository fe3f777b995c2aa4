// SPDX-License-Identifier: Apache-2.0
/* PEM text from outside: read as people write it, and written again as every reader takes it.
 *
 * OpenSSL, Go and GnuTLS disagree on a byte order mark, blanks before a line, headers, TRUSTED
 * CERTIFICATE and two blocks on one line, and most pass over in silence what they do not read.
 * So no text is passed on as it was given: certificates are written again from their DER, and
 * a private key where only certificates belong is refused. */
#include "cert-int.h"

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

/* The label of the next block, in->p behind its line's dashes; NULL at the end of the text. */
static char *find_begin(struct pem *in)
{
	char *name = NULL;

	for (skip_blanks(in); !name && in->p < in->end; skip_blanks(in)) {
		if (at(in, BEGIN)) {
			in->p += strlen(BEGIN);
			name = take_label(in);
			if (name)
				break;
		}
		skip_line(in);
	}
	return name;
}

static void next_line(struct pem *in)
{
	skip_line(in);
	in->p += at(in, "\r\n") ? 2 : in->p < in->end;
}

static bool is_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p == end;
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
		if (body->p < body->end && is_blank(line, body->p)) {
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
	const char *end, *next;

	cert_block_release(b);
	b->name = find_begin(in);
	if (!b->name)
		return 0;
	body.p = in->p;
	end = memmem(in->p, (size_t)(in->end - in->p), END, strlen(END));
	if (!end)
		return -1;
	next = memmem(in->p, (size_t)(end - in->p), BEGIN, strlen(BEGIN));
	if (next)
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

static bool is_utf16(const char *pem, size_t n)
{
	return n >= 2 && (!memcmp(pem, "\xFF\xFE", 2) || !memcmp(pem, "\xFE\xFF", 2));
}

static bool is_der_cert(const char *der, size_t n)
{
	const unsigned char *p = (const unsigned char *)der;
	X509 *x;

	ERR_set_mark();
	x = d2i_X509(NULL, &p, (long)n);
	ERR_pop_to_mark();
	X509_free(x);
	return x != NULL;
}

static bool is_pkcs12(const char *der, size_t n)
{
	const unsigned char *p = (const unsigned char *)der;
	PKCS12 *x;

	ERR_set_mark();
	x = d2i_PKCS12(NULL, &p, (long)n);
	ERR_pop_to_mark();
	PKCS12_free(x);
	return x != NULL;
}

/* People give what their CA gave them: name the command that makes PEM of it. */
static int no_certificate(const char *pem, size_t n, struct rk_err *err)
{
	rk_err_set(err, RK_FAIL, "no certificate in it");
	if (!n)
		return rk_err_hint(err, "it is empty");
	if (is_utf16(pem, n))
		return rk_err_hint(err, "it is UTF-16 text: iconv -f UTF-16 -t UTF-8 FILE");
	if (is_der_cert(pem, n))
		return rk_err_hint(err, "it is DER: openssl x509 -inform DER -in FILE");
	if (is_pkcs12(pem, n))
		return rk_err_hint(err, "it is PKCS#12: openssl pkcs12 -nokeys -in FILE");
	if (memmem(pem, n, "BEGIN PKCS7", 11))
		return rk_err_hint(err, "it is PKCS#7: openssl pkcs7 -print_certs -in FILE");
	return -1;
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

int cert_write(const STACK_OF(X509) *list, struct rk_buf *out, struct rk_err *err)
{
	auto_bio *bio = BIO_new(BIO_s_mem());
	bool good = bio != NULL;

	for (int i = 0; good && i < sk_X509_num(list); i++)
		good = PEM_write_bio_X509(bio, sk_X509_value(list, i));
	return good && cert_bio_to_buf(bio, out) ? 0 : rk_err_set(err, RK_FAIL, "cannot write PEM");
}

/* Go passes over what it does not read: the CA would be missing without a word. */
static int check_go(const STACK_OF(X509) *list, struct rk_err *err)
{
	for (int i = 0; i < sk_X509_num(list); i++) {
		X509 *x = sk_X509_value(list, i);
		unsigned char *der = NULL;
		int n = i2d_X509(x, &der);
		const char *why = n > 0 ? cert_go_trouble(x, der, (size_t)n) : "it is damaged";

		OPENSSL_free(der);
		if (why)
			return rk_err_set(err, RK_FAIL,
				"certificate %d cannot be read by programs written in Go "
				"(kubectl, helm, Rancher): %s",
				i + 1, why);
	}
	return 0;
}

int rk_cert_admit(struct rk_buf *pem, bool with_key, struct rk_err *err)
{
	bool key = holds_key(pem->s, pem->len);
	rk_auto_buf out = RK_BUF_INIT;
	auto_stack *list = NULL;

	pem->secret = pem->secret || key; /* so that it is wiped */
	if (key && !with_key) {
		rk_buf_reset(pem);
		rk_err_set(
			err, RK_FAIL, "it holds a private key, and only certificates belong here");
		return rk_err_hint(err,
			"put only the certificates into a file: openssl crl2pkcs7 -nocrl -certfile "
			"FILE | openssl pkcs7 -print_certs -out CERTIFICATES.pem");
	}
	if (cert_read(pem->s, pem->len, BUNDLE_MAX, &list, err) < 0 || check_go(list, err) < 0 ||
		cert_write(list, &out, err) < 0)
		return -1;
	rk_buf_reset(pem);
	rk_buf_put(pem, out.s, out.len);
	return 0;
}

/* --- keys --- */

/* PKCS#8 wraps the algorithm around what the older notations have alone. */
static bool is_pkcs8(const struct block *b)
{
	const unsigned char *p = (const unsigned char *)b->der.s, *end = p + b->der.len;
	int tag = 0, class;
	long len;

	ASN1_get_object(&p, &len, &tag, &class, end - p); /* the whole */
	ASN1_get_object(&p, &len, &tag, &class, end - p); /* its version */
	p += len;
	ASN1_get_object(&p, &len, &tag, &class, end - p);
	return tag == V_ASN1_SEQUENCE;
}

/* In the notation it came in: a copy that is compared with its source stays as it is. */
static int write_key(const struct block *b, EVP_PKEY *key, struct rk_buf *out, struct rk_err *err)
{
	auto_bio *bio = BIO_new(BIO_s_mem()); /* its memory is wiped when freed */
	bool good = bio != NULL;

	if (is_pkcs8(b))
		good = good && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	else
		good = good &&
		       PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
	return good && cert_bio_to_buf(bio, out) ? 0 : rk_err_set(err, RK_FAIL, "cannot write PEM");
}

int rk_cert_admit_key(struct rk_buf *pem, struct rk_err *err)
{
	auto_block b = BLOCK_INIT;
	auto_pkey *key = NULL;
	int r;

	pem->secret = true;
	ERR_set_mark();
	r = cert_read_key(pem->s, pem->len, &b, &key, err);
	rk_buf_reset(pem);
	if (r == 0 && !cert_go_key(key))
		r = rk_err_set(
			err, RK_FAIL, "the private key is damaged: its parts do not fit together");
	if (r == 0)
		r = write_key(&b, key, pem, err);
	ERR_pop_to_mark();
	return r;
}
