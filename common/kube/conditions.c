// SPDX-License-Identifier: Apache-2.0
#include "kube/kube.h"

#include "data/data.h"

#include <strings.h>

/* --- reading --for --- */

int rk_cond_parse(struct rk_cond *c, const char *text, struct rk_err *err)
{
	static const struct {
		const char *word;
		enum rk_cond_kind kind;
	} words[] = {{"exists", RK_COND_EXISTS}, {"create", RK_COND_EXISTS},
		{"delete", RK_COND_DELETE}, {"deleted", RK_COND_DELETE}, {"ready", RK_COND_READY},
		{"condition=", RK_COND_CONDITION}, {"jsonpath=", RK_COND_JSONPATH}};
	size_t i = 0, n = 0;
	int depth = 0;

	*c = (struct rk_cond){0};
	for (; i < RK_COUNT(words); i++) {
		n = strlen(words[i].word);
		if (strncasecmp(text, words[i].word, words[i].word[n - 1] == '=' ? n : n + 1) == 0)
			break;
	}
	if (i == RK_COUNT(words)) {
		rk_err_set(err, RK_USAGE, "--for=%s: unknown condition", text);
		return rk_err_hint(err,
			"expected condition=NAME[=VALUE], jsonpath=PATH[=VALUE], exists, delete or "
			"ready");
	}
	c->kind = words[i].kind;
	if (c->kind != RK_COND_CONDITION && c->kind != RK_COND_JSONPATH)
		return 0;

	/* NAME[=VALUE]; a '=' inside the brackets of a path belongs to it */
	text += n;
	for (n = 0; text[n] && (depth > 0 || text[n] != '='); n++)
		if (c->kind == RK_COND_JSONPATH)
			depth += (text[n] == '[' || text[n] == '{') -
				 (text[n] == ']' || text[n] == '}');
	c->name = rk_strndup(text, n);
	if (text[n])
		c->value = rk_strdup(text + n + 1);
	else if (c->kind == RK_COND_CONDITION)
		c->value = rk_strdup("True");
	if (!n || (c->kind == RK_COND_CONDITION && !*c->value))
		return rk_err_set(err, RK_USAGE, "--for=%.*s: name missing; expected %s%s[=VALUE]",
			(int)strlen(words[i].word) - 1, words[i].word, words[i].word,
			c->kind == RK_COND_JSONPATH ? "PATH" : "NAME");
	return c->kind == RK_COND_JSONPATH ? rk_jsonpath_parse_one(c->name, &c->path, err) : 0;
}

void rk_cond_release(struct rk_cond *c)
{
	free(c->name);
	free(c->value);
	rk_jsonpath_free(c->path);
	*c = (struct rk_cond){0};
}

/* --- readiness of kinds --- */

const struct rk_val *rk_condition(const struct rk_val *obj, const char *type)
{
	rk_each (c, rk_get(obj, "status", "conditions", NULL)) {
		const char *t = rk_get_str(c, "type", NULL);

		if (t && !strcasecmp(t, type))
			return c;
	}
	return NULL;
}

/* The controller has not processed the current spec yet. */
static bool is_stale(const struct rk_val *obj, const struct rk_val *part)
{
	int64_t seen = rk_get_int(part, -1, "observedGeneration", NULL);

	return seen >= 0 && seen < rk_get_int(obj, 0, "metadata", "generation", NULL);
}

static bool condition_is(
	const struct rk_val *obj, const char *type, const char *value, struct rk_buf *why)
{
	const struct rk_val *c = rk_condition(obj, type);
	const char *is = rk_get_str(c, "status", NULL), *msg = rk_get_str(c, "message", NULL);
	const char *reason = rk_get_str(c, "reason", NULL);

	if (is && !strcasecmp(is, value) && !is_stale(obj, c) &&
		!is_stale(obj, rk_get(obj, "status", NULL)))
		return true;
	if (!is) {
		rk_buf_addf(why, "has no condition %s yet", type);
		return false;
	}
	rk_buf_addf(why, "%s is %s%s%s%s", type, strcasecmp(is, value) ? is : "out of date",
		reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
	if (msg && *msg)
		rk_buf_addf(why, ": %.300s", msg);
	return false;
}

static bool rolled_out(const struct rk_val *obj, struct rk_buf *why)
{
	int64_t want = rk_get_int(obj, 1, "spec", "replicas", NULL);
	int64_t updated = rk_get_int(obj, 0, "status", "updatedReplicas", NULL);
	int64_t ready = rk_get_int(obj, 0, "status", "availableReplicas", NULL);
	int64_t all = rk_get_int(obj, 0, "status", "replicas", NULL);

	if (is_stale(obj, rk_get(obj, "status", NULL)) || !rk_get(obj, "status", NULL))
		rk_buf_puts(why, "its controller has not seen it yet");
	else if (ready < want || updated < want)
		rk_buf_addf(why, "%lld of %lld pods are up to date, %lld available",
			(long long)updated, (long long)want, (long long)ready);
	else if (all > updated)
		rk_buf_addf(why, "%lld old pods are still ending", (long long)(all - updated));
	else
		return true;
	return false;
}

static bool set_ready(const struct rk_val *obj, struct rk_buf *why)
{
	int64_t want = rk_get_int(obj, 1, "spec", "replicas", NULL);
	int64_t ready = rk_get_int(obj, 0, "status", "readyReplicas", NULL);
	const char *now = rk_get_str(obj, "status", "currentRevision", NULL);
	const char *next = rk_get_str(obj, "status", "updateRevision", NULL);

	if (ready < want || is_stale(obj, rk_get(obj, "status", NULL)))
		rk_buf_addf(why, "%lld of %lld pods are ready", (long long)ready, (long long)want);
	else if (now && next && strcmp(now, next) != 0 &&
		 !rk_streq(rk_get_str(obj, "spec", "updateStrategy", "type", NULL), "OnDelete"))
		rk_buf_puts(why, "its pods are being replaced");
	else
		return true;
	return false;
}

static bool daemons_ready(const struct rk_val *obj, struct rk_buf *why)
{
	int64_t want = rk_get_int(obj, -1, "status", "desiredNumberScheduled", NULL);
	int64_t ready = rk_get_int(obj, 0, "status", "numberAvailable", NULL);
	int64_t updated = rk_get_int(obj, 0, "status", "updatedNumberScheduled", NULL);

	if (want >= 0 && ready >= want && updated >= want &&
		!is_stale(obj, rk_get(obj, "status", NULL)))
		return true;
	rk_buf_addf(why, "%lld of %lld pods are available", (long long)ready,
		(long long)(want < 0 ? 0 : want));
	return false;
}

static bool phase_is(const struct rk_val *obj, const char *want, struct rk_buf *why)
{
	const char *phase = rk_get_str(obj, "status", "phase", NULL);

	if (rk_streq(phase, want))
		return true;
	rk_buf_addf(why, "phase %s", phase ? phase : "unknown");
	return false;
}

/* phase Failed is not final: the controller recovers from it. */
static bool cluster_ready(const struct rk_val *obj, struct rk_buf *why)
{
	const char *msg = rk_get_str(rk_condition(obj, "Ready"), "message", NULL);

	if (rk_get_str(obj, "metadata", "deletionTimestamp", NULL)) {
		rk_buf_puts(why, "is being deleted");
		return false;
	}
	if (phase_is(obj, "Ready", why))
		return true;
	if (msg && *msg)
		rk_buf_addf(why, ": %.300s", msg);
	return false;
}

static const struct {
	const struct rk_res *res; /* of any version of its group */
	bool (*ready)(const struct rk_val *obj, struct rk_buf *why);
	const char *condition, *phase; /* the other two ways to be ready */
} kinds[] = {
	{&RK_DEPLOYMENT, .ready = rolled_out},
	{&RK_STATEFULSET, .ready = set_ready},
	{&RK_DAEMONSET, .ready = daemons_ready},
	{&RK_CLUSTER, .ready = cluster_ready},
	{&RK_JOB, .condition = "Complete"},
	{&RK_CRD, .condition = "Established"},
	{&RK_PVC, .phase = "Bound"},
	{&RK_NAMESPACE, .phase = "Active"},
};

bool rk_is_ready(const struct rk_val *obj, struct rk_buf *why)
{
	const char *kind = rk_get_str(obj, "kind", NULL), *av = rk_get_str(obj, "apiVersion", NULL);

	if (!obj) {
		rk_buf_puts(why, "does not exist");
		return false;
	}
	for (size_t i = 0; i < RK_COUNT(kinds); i++) {
		const char *of = kinds[i].res->api_version, *slash = strchr(of, '/');

		if (!rk_streq(kind, kinds[i].res->kind) || !av ||
			strncmp(av, of, slash ? (size_t)(slash + 1 - of) : strlen(of)) != 0)
			continue;
		if (kinds[i].ready)
			return kinds[i].ready(obj, why);
		if (kinds[i].phase)
			return phase_is(obj, kinds[i].phase, why);
		return condition_is(obj, kinds[i].condition, "True", why);
	}
	if (rk_condition(obj, "Available") && !rk_condition(obj, "Ready"))
		return condition_is(obj, "Available", "True", why);
	if (rk_condition(obj, "Ready") || rk_streq(kind, "Pod") ||
		(av && rk_prefix(av, "cert-manager.io/")))
		return condition_is(obj, "Ready", "True", why);
	return true; /* Secrets, Services, …: to exist is to be ready */
}

/* --- whether a condition holds --- */

/* An index beyond the end finds nothing yet, as a missing field does. */
static bool path_holds(const struct rk_cond *c, const struct rk_val *obj, struct rk_buf *why)
{
	struct rk_found found = {0};
	const struct rk_val *v = NULL;
	const char *s;
	size_t n = 0;

	if (rk_jsonpath_find(c->path, obj, &found, NULL) == 0 && found.n) {
		n = found.n;
		v = found.v[0];
	}
	rk_found_release(&found);
	if (n != 1) {
		rk_buf_addf(why, n ? "has several values at %s" : "has nothing at %s", c->name);
		return false;
	}
	s = rk_str_loose(v);
	if (!c->value && (s ? *s != '\0' : v->count > 0))
		return true;
	if (c->value && s && !strcmp(s, c->value))
		return true;
	rk_buf_addf(why, "%s is %.100s", c->name, s && *s ? s : s ? "empty" : "no single value");
	return false;
}

bool rk_cond_holds(const struct rk_cond *c, const struct rk_val *obj, struct rk_buf *why)
{
	if (!obj && c->kind != RK_COND_DELETE) {
		rk_buf_puts(why, "does not exist");
		return false;
	}
	switch (c->kind) {
	case RK_COND_DELETE:
		if (obj)
			rk_buf_puts(why, rk_get_str(obj, "metadata", "deletionTimestamp", NULL)
						 ? "still exists, and is being deleted"
						 : "still exists, and was not deleted");
		return !obj;
	case RK_COND_CONDITION:
		return condition_is(obj, c->name, c->value, why);
	case RK_COND_JSONPATH:
		return path_holds(c, obj, why);
	case RK_COND_READY:
		return rk_is_ready(obj, why);
	default:
		return true;
	}
}
