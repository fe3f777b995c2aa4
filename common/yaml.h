// SPDX-License-Identifier: Apache-2.0
/* yaml - YAML through libyaml's events, with the guards libyaml lacks.
 *
 * Refused, with file and line: duplicate keys, merge keys (<<), alias cycles and alias bombs
 * (expanded nodes and bytes are bounded), NUL, depth beyond RK_DEPTH_MAX, keys that are empty or
 * no scalars, tags other than the core ones, numbers that JSON does not have (.inf), text after
 * `...`, invalid UTF-8.
 *
 * Plain scalars are typed as kubectl's reader types them (sigs.k8s.io/yaml, YAML 1.1 over JSON):
 * null/~/empty, true/false/yes/no/on/off/y/n, integers and floats; all else is a string. A number
 * gets JSON's notation (0x1F is 31, 0123 is 83, 1_000 is 1000); a key stays as it is written,
 * where kubectl makes "true" of y and "31" of 0x1F.
 *
 * Positions are bytes of the text as given, a byte order mark included. `end` is where the value
 * itself ends: blanks, line breaks and comments behind it are left out, also behind block scalars
 * (and there even the line breaks that |+ keeps). An empty value is an empty span behind its
 * colon. A tag or an anchor belongs to the value. */
#ifndef RK_YAML_H
#define RK_YAML_H

#include "val.h"

/* Parse one document; an empty stream gives NULL in *out. More than one document: RK_FAIL. */
int rk_yaml_parse(struct rk_doc *d, const char *text, size_t n, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

/* Parse the first document as kubectl reads a kubeconfig (sigs.k8s.io/yaml without its strict mode):
 * of equal keys the last one counts, `<<` is merged where it stands, !!binary is decoded, other tags
 * are ignored, keys may be aliases, numbers and booleans, UTF-16 with a byte order mark is read, and
 * what follows the first document is not. The bounds are those of rk_yaml_parse. */
int rk_yaml_parse_loose(struct rk_doc *d, const char *text, size_t n, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;
/* Whether the text begins with the byte order mark of UTF-16. */
bool rk_yaml_is_utf16(const char *text, size_t n);

/* Parse all documents into a SEQ; empty documents are left out. */
int rk_yaml_parse_all(struct rk_doc *d, const char *text, size_t n, struct rk_val **out,
	struct rk_err *err) RK_MUST_USE;

/* Write block style, indent 2, lists not indented under their key, as kubectl does; sorted: keys
 * in byte order. Every string that a YAML 1.1 reader could take for something else is quoted;
 * strings with line breaks become literal blocks where that is exact. Ends with a newline. */
void rk_yaml_write(const struct rk_val *v, bool sorted, struct rk_buf *out);

/* Whether plain s would be read back as the same string. */
bool rk_yaml_plain_ok(const char *s, size_t n);

/* --- manifests: YAML skeletons with ${name} ---
 * A quoted scalar that is exactly "${name}" takes the parameter's value with its type; inside
 * other text the parameter (a scalar) is concatenated; $${ is a literal ${. Substitution
 * happens after parsing, so that no value can break out of its place. Every parameter is
 * declared in the head comment as `# ${name}: what it is`; an unknown, undeclared, unused or
 * missing one is an error. params is a MAP. The result: a SEQ of documents in d. */
int rk_manifest_fill(struct rk_doc *d, const char *name, const char *text, size_t n,
	const struct rk_val *params, struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* The skeleton manifests/NAME.yaml, embedded at build time, filled. RK_FAIL when unknown. */
int rk_manifest(struct rk_doc *d, const char *name, const struct rk_val *params,
	struct rk_val **out, struct rk_err *err) RK_MUST_USE;

/* One embedded file; table generated from manifests/ by the Makefile, ended by a NULL name. */
struct rk_manifest_file {
	const char *name;
	const char *text;
	size_t len;
};
extern const struct rk_manifest_file rk_manifest_files[];

#endif
