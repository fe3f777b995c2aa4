// SPDX-License-Identifier: Apache-2.0
/* rk - what every file of rk3k starts with. Cleanup by scope: a variable declared with rk_auto_X is released
 * when its block is left; it is initialised at its declaration, and handed over with rk_steal(&p). */
#ifndef RK_BASE_H
#define RK_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RK_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RK_MUST_USE	     __attribute__((warn_unused_result))
#define RK_SENTINEL	     __attribute__((sentinel))
#define RK_NORETURN	     __attribute__((noreturn))
#define RK_UNUSED	     __attribute__((unused))
#define RK_COUNT(a)	     (sizeof(a) / sizeof((a)[0]))

/* Give the pointer away: returns *p and leaves NULL, so that scope cleanup does nothing. */
#define rk_steal(p)                                    \
	__extension__({                                \
		__typeof__(*(p)) rk_steal_tmp_ = *(p); \
		*(p) = NULL;                           \
		rk_steal_tmp_;                         \
	})

static inline void rk_cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void rk_cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define rk_auto_free  __attribute__((cleanup(rk_cleanup_free_), unused))
#define rk_auto_close __attribute__((cleanup(rk_cleanup_close_), unused))

static inline bool rk_streq(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static inline bool rk_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Allocation that never fails: out of memory ends the process with one line and exit 1, as in git. */
void *rk_malloc(size_t n);
void *rk_calloc(size_t n, size_t size);
void *rk_realloc(void *p, size_t n);
char *rk_strdup(const char *s);
char *rk_strndup(const char *s, size_t n);
char *rk_asprintf(const char *fmt, ...) RK_PRINTF(1, 2);

void rk_wipe(void *p, size_t n); /* explicit_bzero; NULL is fine */
void rk_free_secret(char *s);	 /* wiped first; NULL is fine */

/* Functions that must not be called; there is always one with a bound or a clear result. */
#undef sprintf /* a macro of glibc's, with clang and _FORTIFY_SOURCE */
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gmtime localtime ctime \
	asctime mktemp tmpnam gets atoi atol system popen

/* A list of strings: v is NULL or NULL-terminated with n entries. The strings are not copied. */
struct rk_strv {
	const char **v;
	size_t n;
};
void rk_strv_add(struct rk_strv *v, const char *s);
void rk_strv_release(struct rk_strv *v); /* the list, not the strings */
#define rk_auto_strv __attribute__((cleanup(rk_strv_release))) struct rk_strv
bool rk_strv_has(const struct rk_strv *v, const char *s);

/* "0.1.0"; the commit of git or "unknown", and its date. */
extern const char rk_version[], rk_commit[], rk_date[];

/* err - one error value: what failed, on what, why, what to do next, and the exit code.
 *
 * The caller owns it on its stack; nothing in it is allocated. A function that can fail takes
 * `struct rk_err *err` last, which may be NULL, and returns 0 or -1; every setter returns -1, so that
 * failing is one line:
 *
 *	return rk_err_set(err, RK_NOTFOUND, "no kubeconfig at %s", path);
 *
 * Secrets never go into a message. Messages are cut, never overrun; control characters are replaced
 * when printed. */

/* Kinds of failure; the value is the exit code (documented in every man page). */
enum rk_code {
	RK_OK = 0,
	RK_FAIL = 1,	 /* it failed, a check found something, something was left over */
	RK_USAGE = 2,	 /* wrong usage */
	RK_NOTFOUND = 3, /* not found: object, file, precondition */
	RK_TIMEOUT = 4,	 /* timed out */
	RK_CONFLICT = 5, /* conflict, or refused (403, another owner) */
};

/* Why it failed, as far as programs decide by it; never by the text. */
enum rk_reason {
	RK_REASON_NONE, /* no more is known than the code and the HTTP status */
	/* No answer came: */
	RK_REASON_RESOLVE,     /* DNS does not know the name */
	RK_REASON_REFUSED,     /* the connection was refused */
	RK_REASON_UNREACHABLE, /* no route, or another failure to connect */
	RK_REASON_TIMEOUT,
	RK_REASON_TLS,	  /* certificates, or the handshake */
	RK_REASON_PROXY,  /* the proxy refused */
	RK_REASON_BROKEN, /* the connection was reset, or the answer cut off */
	/* An answer that cannot be used: */
	RK_REASON_TOO_LARGE,
	RK_REASON_UNEXPECTED, /* not what was requested */
	RK_REASON_REDIRECT,
	RK_REASON_STATUS,	 /* an HTTP status without a meaning here */
	RK_REASON_FOREIGN_TOKEN, /* another host asks for the registry's credentials */
	/* The reason of a Kubernetes Status: */
	RK_REASON_NOT_FOUND,
	RK_REASON_NO_SUCH_API, /* the server does not serve the kind */
	RK_REASON_EXISTS,
	RK_REASON_CONFLICT,
	RK_REASON_FORBIDDEN,
	RK_REASON_UNAUTHORIZED,
	RK_REASON_EXPIRED, /* a resourceVersion too old to continue from */
	RK_REASON_INVALID,
	RK_REASON_WEBHOOK, /* an admission webhook could not be called */
	/* Of a file: */
	RK_REASON_LOCKED, /* another process holds its lock */
};

struct rk_err {
	int code; /* enum rk_code, or 128+n for signal n */
	int http; /* HTTP status the failure came with, else 0 */
	enum rk_reason reason;
	char msg[1536];	 /* one line: what, on what, why */
	char hint[1024]; /* what to do next, or "" */
};

#define RK_ERR_INIT \
	{           \
		0   \
	}

int rk_err_set(struct rk_err *err, int code, const char *fmt, ...) RK_PRINTF(3, 4);
/* Set from errno: the message, a literal, is followed by ": " and strerror. */
#define rk_err_sys(err, fmt, ...)                                                             \
	rk_err_set((err), errno == ENOENT ? RK_NOTFOUND : RK_FAIL, fmt ": %s", ##__VA_ARGS__, \
		strerror(errno))

/* Put context in front: "context: message". Keeps code, reason and hint. */
int rk_err_wrap(struct rk_err *err, const char *fmt, ...) RK_PRINTF(2, 3);
/* Set or replace the hint: what the user should do next, a sentence without a full stop. */
int rk_err_hint(struct rk_err *err, const char *fmt, ...) RK_PRINTF(2, 3);
int rk_err_reason(struct rk_err *err, enum rk_reason reason);
/* Forget the error, to try something else. */
void rk_err_clear(struct rk_err *err);

/* What a command in advice must have to concern the same cluster as this process: the connection flags of
 * this command line, each with a blank before it, or "". rk_here is for our tools ("see: kubectl rk3k
 * status -A%s"), rk_here_kubectl for kubectl, rk_here_settings for tools that use the settings, too.
 * cli sets them, once. */
extern struct rk_here {
	const char *ours, *kubectl, *settings;
} rk_here_flags;
#define rk_here()	   rk_here_flags.ours
#define rk_here_kubectl()  rk_here_flags.kubectl
#define rk_here_settings() rk_here_flags.settings

/* buf - growable byte string with a hard cap, which keeps a server from filling memory. b->s is never NULL
 * and b->s[b->len] always 0; the bytes may hold NUL. A secret buffer wipes what it drops, when it grows
 * and when it is released. */

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

/* Empty it; reset keeps the memory. */
void rk_buf_release(struct rk_buf *b);
void rk_buf_reset(struct rk_buf *b);

/* Append n bytes, copied. Errors: RK_FAIL when the cap would be passed; b is unchanged then. */
int rk_buf_add(struct rk_buf *b, const void *p, size_t n, struct rk_err *err) RK_MUST_USE;

/* The same for text that rk3k itself makes and that cannot reach the cap. */
void rk_buf_put(struct rk_buf *b, const void *p, size_t n);
void rk_buf_puts(struct rk_buf *b, const char *s);
void rk_buf_putc(struct rk_buf *b, char c);
void rk_buf_addf(struct rk_buf *b, const char *fmt, ...) RK_PRINTF(2, 3);

/* Make room for n more bytes and return the place to write them; set len with rk_buf_grow(). */
char *rk_buf_reserve(struct rk_buf *b, size_t n);
void rk_buf_grow(struct rk_buf *b, size_t n);

/* Hand the string over: the caller frees it (rk_free_secret for a secret one); b is empty. */
char *rk_buf_detach(struct rk_buf *b);

#define rk_auto_buf __attribute__((cleanup(rk_buf_release))) struct rk_buf

/* --- text --- */

bool rk_suffix(const char *s, const char *suffix);
/* ASCII letters to lower case, in place. Returns s. */
char *rk_lower(char *s);

/* The one strict number parser: the whole of s as a decimal in [min, max]. false leaves *out alone. */
bool rk_parse_int(const char *s, int64_t min, int64_t max, int64_t *out);

/* Whether the n bytes of s are a label (RFC 1123, as names of namespaces have to be), and whether s is
 * a subdomain: labels with dots between, as names of most other objects have to be. */
bool rk_label_ok(const char *s, size_t n);
bool rk_subdomain_ok(const char *s);

/* The next item of a list, between any of the separators, and its length; NULL at the end, or when s is
 * NULL. Empty items are left out. */
const char *rk_item(const char *s, const char *separators, size_t *n);
#define rk_each_item(it, n, list, separators)                            \
	for (const char *it = rk_item((list), (separators), &(n)); (it); \
		(it) = rk_item((it) + (n), (separators), &(n)))
/* Whether a comma-separated list has the item. */
bool rk_listed(const char *list, const char *item);

/* The first three numbers of a version ("1.1.0", "v1.1.0-rc2"; missing ones are 0). false: not a version,
 * or NULL. */
bool rk_version_parse(const char *v, int64_t out[3]);
/* -1, 0 or 1 by these numbers; what is not a version counts as 0.0.0. */
int rk_version_cmp(const char *a, const char *b);
/* Whether version v is major.minor or newer. */
bool rk_version_at_least(const char *v, int64_t major, int64_t minor);

/* The name nearest to a mistyped word, or NULL when none is near. names ends with NULL. */
const char *rk_nearest(const char *word, const char *const *names);

/* n hex digits (at most 8) as a number; false for anything else. */
bool rk_hex(const char *s, size_t n, uint32_t *out);

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
/* s made fit for a terminal: control characters as ^X, bidi controls and invalid UTF-8 as U+FFFD.
 * A line break becomes what nl says. */
void rk_printable(struct rk_buf *out, const char *s, size_t n, const char *nl);

/* Append s so that a shell reads back exactly these bytes: in single quotes, or, for
 * rk_shell_word, as it is where no character of it has a meaning. */
void rk_shell_quote(struct rk_buf *out, const char *s);
void rk_shell_word(struct rk_buf *out, const char *s);

/* Percent-encode everything but RFC 3986 unreserved characters. */
void rk_urlencode(struct rk_buf *out, const char *s);

/* --- clocks and times --- */

int64_t rk_now_ms(void); /* of the monotonic clock */
/* kubectl's age ("119s", "5m30s", "3h12m", "8d") of a time, into out[16]. */
void rk_age(int64_t seconds, char out[16]);
/* RFC 3339 UTC of a time, into out[32]; and back: -1 for anything else. */
void rk_time_format(int64_t t, char out[32]);
int64_t rk_time_parse(const char *s);
/* Duration as Go writes it: 300ms, 1.5h, 2h45m, -3s, bare 0. days: also with a unit d of 24 hours, which
 * Go does not have, for how long something is kept or valid. False for anything else, also for what does
 * not fit. */
bool rk_parse_duration(const char *s, bool days, int64_t *ms);

/* --- addresses --- */

/* 4 or 6 when s is an IP address (without brackets), else 0. */
int rk_ip_family(const char *s);
bool rk_ip_is_loopback(const char *host);

/* A URL in its parts, as libcurl reads it. Scheme and host are in lower case, an IPv6 address has no
 * brackets; the port is the scheme's usual one (http 80, else 443) when none is given; a path begins
 * with a slash. What may be missing is NULL then. */
struct rk_url {
	char *scheme, *host, *path, *query, *fragment, *user, *password;
	int64_t port;
};
/* scheme: that of a text which has none, as "host:6443"; NULL: it must have one. NULL, or what is wrong
 * with it ("has no host"); then *out is empty. */
const char *rk_url_parse(struct rk_url *out, const char *text, const char *scheme);
void rk_url_release(struct rk_url *u);
#define rk_auto_url __attribute__((cleanup(rk_url_release))) struct rk_url
/* "host", "host:8443", "[fd00::1]:8443": without the usual port. The caller frees. */
char *rk_url_host(const struct rk_url *u);
/* "https://host:8443/path": without the usual port and slashes at the end. The caller frees. */
char *rk_url_base(const struct rk_url *u);
/* "host:port" with brackets round an IPv6 address; port 0: none. The caller frees. */
char *rk_url_authority(const char *host, int64_t port);
/* Whether two URLs, or two of host and host:port, are of the same host and port. */
bool rk_url_same_host(const char *a, const char *b);

/* A network in CIDR notation. */
struct rk_net {
	int family; /* 4 or 6 */
	int bits;
	unsigned char a[16];
};
/* Read "10.42.0.0/16"; NULL, or what is wrong with it. */
const char *rk_net_parse(const char *text, struct rk_net *n);
/* The networks of a comma list, at most max. Returns their number. */
size_t rk_net_list(const char *list, struct rk_net *out, size_t max);
/* Whether two networks (or comma lists of them) share an address. */
bool rk_cidr_overlap(const char *a, const char *b);
/* Whether an IP address is in a network, whose prefix may have more bits set behind it. */
bool rk_net_has(const char *network, const char *ip);

/* --- names in clusters: namespaces, Secrets, labels --- */

#define RK_K3K_NS      "rancher-k3k" /* defaults: the names upstream's scripts always used */
#define RK_K3K_CLUSTER "rancher"
/* Labels on everything rk3k makes; the second names the k3k Cluster it belongs to. */
#define RK_LABEL_MANAGED "app.kubernetes.io/managed-by"
#define RK_LABEL_MANAGER "rk3k"
#define RK_LABEL_CLUSTER "rk3k.io/cluster"

/* On the host cluster. */
#define RK_REGISTRY_CONFIG_SECRET "k3s-registry-config" /* key registries.yaml */
#define RK_REGISTRY_CA_SECRET	  "k3s-registry-ca"	/* key ca.crt */

/* In the virtual cluster: k3s' HelmCharts, and Rancher. */
#define RK_CHART_NS	      "kube-system"
#define RK_CHART_LABEL	      "helmcharts.helm.cattle.io/chart"
#define RK_RANCHER_NS	      "cattle-system"
#define RK_RANCHER_CA_SECRET  "tls-ca"		 /* key cacerts.pem: what Rancher's agents trust */
#define RK_BOOTSTRAP_SECRET   "bootstrap-secret" /* key bootstrapPassword */
#define RK_INGRESS_SECRET     "tls-rancher-ingress"    /* as in Rancher's own chart */
#define RK_INGRESS_SECRET_ALL RK_INGRESS_SECRET "-all" /* of all host names when they are several */

#endif
