// SPDX-License-Identifier: Apache-2.0
/* render - a configuration document on stdin becomes the objects of one step of a deployment on
 * stdout, for `apply`. Talks to no cluster. */
#include "base/base.h"

#include "cli/cli.h"
#include "steps/steps.h"

enum { OUT_YAML, OUT_JSON };

struct opts {
	struct rk_settings_flags settings;
	int fmt;
	bool steps, print_all, show_secrets;
};

static const struct rk_opt OPTS[] = {
	{"steps", 0, RK_OPT_FLAG, offsetof(struct opts, steps),
		.help = "list the steps of this configuration in order: STEP host|virtual"},
	{"print-all", 0, RK_OPT_FLAG, offsetof(struct opts, print_all),
		.help = "the objects of all steps, for reading; same as `render all`"},
	{"show-secrets", 0, RK_OPT_FLAG, offsetof(struct opts, show_secrets),
		.help = "with all steps: do not hide the contents of Secrets"},
	{"output", 'o', RK_OPT_ENUM, offsetof(struct opts, fmt), .choices = "yaml|json",
		.help = "yaml documents, or one json List"},
	RK_GROUP_SETTINGS(struct opts, settings),
	RK_OPT_END,
};

static const char *where(const struct rk_step *step)
{
	return step->virtual ? "virtual" : "host";
}

static int list_steps(const struct rk_settings *s)
{
	for (const struct rk_step *step = rk_steps; step->name; step++)
		if (rk_step_applies(step, s))
			rk_printf("%s %s\n", step->name, where(step));
	return 0;
}

static void write_yaml(const struct rk_val *objects, struct rk_buf *out)
{
	rk_each (obj, objects) {
		rk_buf_puts(out, "---\n");
		rk_yaml_write(obj, false, out);
	}
}

static struct rk_val *list_of(struct rk_doc *d, struct rk_val *objects)
{
	struct rk_val *list = rk_map(d);

	rk_set_str(d, list, "apiVersion", "v1");
	rk_set_str(d, list, "kind", "List");
	rk_set(d, list, "items", objects);
	return list;
}

static int step_named(const char *name, const struct rk_step **step, struct rk_err *err)
{
	rk_auto_buf names = RK_BUF_INIT;
	const char *known[32] = {NULL}, *near;
	size_t n = 0;

	*step = rk_step_find(name);
	if (*step && (*step)->build)
		return 0;
	for (const struct rk_step *one = rk_steps; one->name; one++) {
		if (!one->build)
			continue;
		rk_buf_addf(&names, "%s%s", names.len ? ", " : "", one->name);
		if (n + 1 < RK_COUNT(known))
			known[n++] = one->name;
	}
	near = *step ? NULL : rk_nearest(name, known);
	rk_err_set(err, RK_USAGE,
		*step ? "step %.64s is a separate tool" : "no step is called %.64s", name);
	if (near)
		return rk_err_hint(err, "did you mean %s?", near);
	return rk_err_hint(err, "steps are %s, or all", names.s);
}

static int one_step(
	const struct opts *o, const struct rk_settings *s, const char *name, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	const struct rk_step *step;
	struct rk_val *objects;

	if (step_named(name, &step, err) < 0 || rk_step_objects(d, s, step, &objects, err) < 0)
		return -1;
	if (o->fmt == OUT_JSON)
		rk_json_write(list_of(d, objects), RK_JSON_PRETTY, &out);
	else
		write_yaml(objects, &out);
	rk_print_buf(&out);
	return 0;
}

/* Each step under a comment that says where it goes. */
static int all_yaml(const struct rk_step *step, struct rk_val *objects, struct rk_buf *out)
{
	rk_each (obj, objects) {
		rk_buf_puts(out, "---\n");
		rk_buf_addf(out, "# step %s (%s)\n", step->name, where(step));
		rk_yaml_write(obj, false, out);
	}
	return 0;
}

static int all_steps(const struct opts *o, const struct rk_settings *s, struct rk_err *err)
{
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	struct rk_val *items = rk_seq(d), *objects;

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		if (!step->build || !rk_step_applies(step, s))
			continue;
		if (rk_step_objects(d, s, step, &objects, err) < 0)
			return -1;
		rk_each (obj, objects)
			if (!o->show_secrets)
				rk_step_mask_secret(d, rk_mut(obj));
		if (o->fmt == OUT_YAML)
			all_yaml(step, objects, &out);
		while (o->fmt == OUT_JSON && objects->child) {
			struct rk_val *obj = objects->child;

			rk_remove(obj);
			rk_append(items, obj);
		}
	}
	if (o->fmt == OUT_JSON)
		rk_json_write(list_of(d, items), RK_JSON_PRETTY, &out);
	rk_print_buf(&out);
	return 0;
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	rk_auto_settings *s = rk_settings_new();
	bool all = o->print_all || (argc && rk_streq(argv[0], "all"));

	if (!argc && !o->steps && !all)
		return rk_err_set(err, RK_USAGE, "which step? (--steps lists them)");
	if (rk_settings_open(s, &o->settings, err) < 0)
		return -1;
	if (o->steps)
		return list_steps(s);
	return all ? all_steps(o, s, err) : one_step(o, s, argv[0], err);
}

static const struct rk_verb VERBS[] = {
	{.args = "STEP|all",
		.opts = OPTS,
		.max_args = 1,
		.run = run,
		.complete =
			"namespace|registry|cluster|pdb|bootstrap|chart-auth|cert-manager|issuer|"
			"rancher|rancher-ha|fqdn|ingress|all",
		.summary = "print the objects of a deployment step",
		.examples = "kubectl rk3k config -c deploy.conf | kubectl rk3k render all\n"
			    "kubectl rk3k config -c deploy.conf | kubectl rk3k render cluster | "
			    "kubectl rk3k apply"},
	{.run = NULL},
};

static const struct rk_cmd CMD = {
	.name = "render",
	.summary = "turn configuration into the objects of a step",
	.description =
		"Reads deploy.conf or the document that `config` wrote, and writes the objects "
		"that one step of a deployment applies. --steps lists the steps that this "
		"configuration needs, in "
		"order, "
		"each with the cluster it belongs to: the host, or the virtual cluster on it.\n\n"
		"`render all` shows everything at once with the contents of Secrets hidden; a "
		"single "
		"step is written complete, for apply. The step bootstrap makes up a password each "
		"time when BOOTSTRAP_PW is unset: look first whether the Secret exists.",
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
	.exit_status = "3: the step has nothing to do with this configuration.",
	.see_also = "kubectl-rk3k-config(1), kubectl-rk3k-apply(1), kubectl-rk3k-deploy(1)",
};

int main(int argc, char **argv)
{
	return rk_main(&CMD, argc, argv);
}
