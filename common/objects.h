// SPDX-License-Identifier: Apache-2.0
/* objects - Kubernetes objects from files or standard input: YAML documents, JSON, Lists.
 *
 * All of it is read and looked at before the first object is handed out, so that input which is
 * empty, damaged or cut off changes nothing. */
#ifndef RK_OBJECTS_H
#define RK_OBJECTS_H

#include "val.h"

struct rk_objects {
	struct rk_doc *doc; /* secret: there may be Secrets among them */
	const struct rk_val **v;
	size_t n;
};
#define RK_OBJECTS_INIT \
	{               \
		0       \
	}
void rk_objects_release(struct rk_objects *o);
#define rk_auto_objects __attribute__((cleanup(rk_objects_release))) struct rk_objects

/* Read files in order; "-", or no file at all: standard input. Every object has apiVersion, kind
 * and metadata.name and comes once; Lists are taken apart. Errors: RK_FAIL for empty, damaged or
 * cut-off input and for objects that lack something, naming source and line; RK_NOTFOUND for a
 * missing file. */
int rk_objects_read(struct rk_objects *o, const char *const *files, size_t nfiles,
	struct rk_err *err) RK_MUST_USE;
/* The same from text. piped: it came through a pipe, where a last line without its end and a last
 * value that is missing are signs that the writer died. */
int rk_objects_parse(struct rk_objects *o, const char *name, const char *text, size_t n, bool piped,
	struct rk_err *err) RK_MUST_USE;

/* Namespaces (0), then CustomResourceDefinitions (1), then all else (2) in the order given. */
int rk_object_rank(const struct rk_val *obj);
void rk_objects_order(struct rk_objects *o);

/* Whether s can be the name of an object in a request's path. */
bool rk_object_name_ok(const char *s);

#endif
