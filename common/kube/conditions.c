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

/* These append why it does not hold, and nothing when it does. */

static void add_condition(
	const struct rk_val *obj, const char *type, const char *value, struct rk_buf *why)
{
	const struct rk_val *c = rk_condition(obj, type);
	const char *is = rk_get_str(c, "status", NULL), *msg = rk_get_str(c, "message", NULL);
	const char *reason = rk_get_str(c, "reason", NULL);

	if (!is)
		rk_buf_addf(why, "has no condition %s yet", type);
	if (!is || (!strcasecmp(is, value) && !is_stale(obj, c) &&
			   !is_stale(obj, rk_get(obj, "status", NULL))))
		return;
	rk_buf_addf(why, "%s is %s%s%s%s", type, strcasecmp(is, value) ? is : "out of date",
		reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
	if (msg && *msg)
		rk_buf_addf(why, ": %.300s", msg);
}

static void add_deployment(const struct rk_val *obj, struct rk_buf *why)
{
	const struct rk_val *status = rk_get(obj, "status", NULL);
	int64_t want = rk_get_int(obj, 1, "spec", "replicas", NULL);
	int64_t updated = rk_get_int(status, 0, "updatedReplicas", NULL);
	int64_t ready = rk_get_int(status, 0, "availableReplicas", NULL);
	int64_t all = rk_get_int(status, 0, "replicas", NULL);

	if (!status || is_stale(obj, status))
		rk_buf_puts(why, "its controller has not seen it yet");
	else if (ready < want || updated < want)
		rk_buf_addf(why, "%lld of %lld pods are up to date, %lld available",
			(long long)updated, (long long)want, (long long)ready);
	else if (all > updated)
		rk_buf_addf(why, "%lld old pods are still ending", (long long)(all - updated));
}

static void add_set(const struct rk_val *obj, struct rk_buf *why)
{
	const struct rk_val *status = rk_get(obj, "status", NULL);
	int64_t want = rk_get_int(obj, 1, "spec", "replicas", NULL);
	int64_t ready = rk_get_int(status, 0, "readyReplicas", NULL);
	const char *now = rk_get_str(status, "currentRevision", NULL);
	const char *next = rk_get_str(status, "updateRevision", NULL);

	if (ready < want || is_stale(obj, status))
		rk_buf_addf(why, "%lld of %lld pods are ready", (long long)ready, (long long)want);
	else if (now && next && strcmp(now, next) != 0 &&
		 !rk_streq(rk_get_str(obj, "spec", "updateStrategy", "type", NULL), "OnDelete"))
		rk_buf_puts(why, "its pods are being replaced");
}

static void add_daemons(const struct rk_val *obj, struct rk_buf *why)
{
	const struct rk_val *status = rk_get(obj, "status", NULL);
	int64_t want = rk_get_int(status, -1, "desiredNumberScheduled", NULL);
	int64_t ready = rk_get_int(status, 0, "numberAvailable", NULL);

	if (want < 0 || ready < want || is_stale(obj, status) ||
		rk_get_int(status, 0, "updatedNumberScheduled", NULL) < want)
		rk_buf_addf(why, "%lld of %lld pods are available", (long long)ready,
			(long long)(want < 0 ? 0 : want));
}

static void add_phase(const struct rk_val *obj, const char *want, struct rk_buf *why)
{
	const char *phase = rk_get_str(obj, "status", "phase", NULL);

	if (!rk_streq(phase, want))
		rk_buf_addf(why, "phase %s", phase ? phase : "unknown");
}

/* phase Failed is not final: the controller recovers from it. */
static void add_cluster(const struct rk_val *obj, struct rk_buf *why)
{
	const char *msg = rk_get_str(rk_condition(obj, "Ready"), "message", NULL);
	size_t before = why->len;

	if (rk_get_str(obj, "metadata", "deletionTimestamp", NULL)) {
		rk_buf_puts(why, "is being deleted");
		return;
	}
	add_phase(obj, "Ready", why);
	if (why->len > before && msg && *msg)
		rk_buf_addf(why, ": %.300s", msg);
}

static const struct {
	const struct rk_res *res; /* of any version of its group */
	void (*add)(const struct rk_val *obj, struct rk_buf *why);
	const char *condition, *phase; /* the other two ways to be ready */
} kinds[] = {
	{&RK_DEPLOYMENT, .add = add_deployment},
	{&RK_STATEFULSET, .add = add_set},
	{&RK_DAEMONSET, .add = add_daemons},
	{&RK_CLUSTER, .add = add_cluster},
	{&RK_JOB, .condition = "Complete"},
	{&RK_CRD, .condition = "Established"},
	{&RK_PVC, .phase = "Bound"},
	{&RK_NAMESPACE, .phase = "Active"},
};

static void add_readiness(const struct rk_val *obj, struct rk_buf *why)
{
	const char *kind = rk_get_str(obj, "kind", NULL), *av = rk_get_str(obj, "apiVersion", NULL);

	for (size_t i = 0; i < RK_COUNT(kinds); i++) {
		const char *of = kinds[i].res->api_version, *slash = strchr(of, '/');

		if (!rk_streq(kind, kinds[i].res->kind) || !av ||
			strncmp(av, of, slash ? (size_t)(slash + 1 - of) : strlen(of)) != 0)
			continue;
		if (kinds[i].add)
			kinds[i].add(obj, why);
		else if (kinds[i].phase)
			add_phase(obj, kinds[i].phase, why);
		else
			add_condition(obj, kinds[i].condition, "True", why);
		return;
	}
	if (rk_condition(obj, "Available") && !rk_condition(obj, "Ready"))
		add_condition(obj, "Available", "True", why);
	else if (rk_condition(obj, "Ready") || rk_streq(kind, "Pod") ||
		 (av && rk_prefix(av, "cert-manager.io/")))
		add_condition(obj, "Ready", "True", why);
	/* Secrets, Services, …: to exist is to be ready */
}

/* An index beyond the end finds nothing yet, as a missing field does. */
static void add_path(const struct rk_cond *c, const struct rk_val *obj, struct rk_buf *why)
{
	struct rk_found found = {0};
	bool any = rk_jsonpath_find(c->path, obj, &found, NULL) == 0 && found.n;
	const struct rk_val *v = any && found.n == 1 ? found.v[0] : NULL;
	const char *s = v ? rk_str_loose(v) : NULL;

	if (!v)
		rk_buf_addf(why, any ? "has several values at %s" : "has nothing at %s", c->name);
	else if (c->value ? !rk_streq(s, c->value) : s ? !*s : !v->count)
		rk_buf_addf(why, "%s is %.100s", c->name,
			s && *s ? s
			: s	? "empty"
				: "no single value");
	rk_found_release(&found);
}

bool rk_cond_holds(const struct rk_cond *c, const struct rk_val *obj, struct rk_buf *why)
{
	size_t before = why->len;

	if (!obj && c->kind != RK_COND_DELETE)
		rk_buf_puts(why, "does not exist");
	else if (c->kind == RK_COND_DELETE && obj)
		rk_buf_puts(why, rk_get_str(obj, "metadata", "deletionTimestamp", NULL)
					 ? "still exists, and is being deleted"
					 : "still exists, and was not deleted");
	else if (c->kind == RK_COND_CONDITION)
		add_condition(obj, c->name, c->value, why);
	else if (c->kind == RK_COND_JSONPATH)
		add_path(c, obj, why);
	else if (c->kind == RK_COND_READY)
		add_readiness(obj, why);
	return why->len == before;
}

bool rk_is_ready(const struct rk_val *obj, struct rk_buf *why)
{
	return rk_cond_holds(&(struct rk_cond){.kind = RK_COND_READY}, obj, why);
}
