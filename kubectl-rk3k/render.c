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
	OPT_FLAG("steps", steps,
		"list the steps of this configuration in order: STEP host|virtual TITLE"),
	OPT_FLAG("print-all", print_all,
		"the objects of all steps, for reading; same as `render all`"),
	OPT_FLAG("show-secrets", show_secrets,
		"with all steps: do not hide the contents of Secrets"),
	OPT_ENUM("output", fmt, "yaml|json", "yaml documents, or one json List", .key = 'o'),
	OPT_GROUP_SETTINGS(settings),
	OPT_END,
};

static const char *where(const struct rk_step *step)
{
	return step->virtual ? "virtual" : "host";
}

static int run(void *p, int argc, char **argv, struct rk_err *err)
{
	const struct opts *o = p;
	rk_auto_settings *s = rk_settings_new();
	rk_auto_doc *d = rk_doc_new(true);
	rk_auto_buf out = RK_BUF_INIT_SECRET;
	bool all = o->print_all || (argc && rk_streq(argv[0], "all"));
	const struct rk_step *only = argc && !all ? rk_step_find(argv[0]) : NULL;
	struct rk_val *list = rk_map(d), *items = rk_seq(d), *objects, *obj;

	if (!argc && !o->steps && !all)
		return rk_err_set(err, RK_USAGE, "missing STEP; --steps lists the steps");
	if (rk_settings_open(s, &o->settings, RK_SETTINGS_NEEDED, err) < 0)
		return -1;
	if (!o->steps && !all && !only)
		return rk_step_unknown(RK_STEPS_OBJECTS, argv[0], ", or all", err);
	if (!o->steps && only && !only->build)
		return rk_err_set(
			err, RK_USAGE, "step %s has no objects: it is a separate tool", only->name);

	for (const struct rk_step *step = rk_steps; step->name; step++) {
		if (o->steps) {
			/* for deploy: those that these settings need, a line each with the title */
			if (step->title && rk_step_applies(step, s))
				rk_buf_addf(&out, "%s %s\t%s%s%s\n", step->name, where(step),
					step->title,
					step->title_key == RK_KEY_COUNT ||
							rk_suffix(step->title, "/")
						? ""
						: " ",
					step->title_key == RK_KEY_COUNT
						? ""
						: rk_setting_text(s, step->title_key));
			continue;
		}
		if (only ? step != only : !step->build || !rk_step_applies(step, s))
			continue;
		if (rk_step_objects(d, s, step, &objects, err) < 0)
			return -1;
		while ((obj = objects->child)) {
			rk_remove(obj);
			rk_append(items, obj);
			if (!only && !o->show_secrets)
				rk_mask_tree(d, obj, NULL, "", rk_mask_secret_data);
			if (o->fmt == OUT_JSON)
				continue;
			rk_buf_puts(&out, "---\n");
			if (!only)
				rk_buf_addf(&out, "# step %s (%s)\n", step->name, where(step));
			rk_yaml_write(obj, false, &out);
		}
	}
	if (o->fmt == OUT_JSON && !o->steps) {
		rk_set_str(d, list, "apiVersion", "v1");
		rk_set_str(d, list, "kind", "List");
		rk_set(d, list, "items", items);
		rk_json_write(list, RK_JSON_PRETTY, &out);
	}
	rk_print_buf(&out);
	return 0;
}

static struct rk_verb VERBS[] = {
	{.args = "STEP|all",
		.opts = OPTS,
		.max_args = 1,
		.run = run,
		.summary = "print the objects of a deployment step"},
	{.run = NULL},
};

static const struct rk_cmd CMD = {
	.name = "render",
	.summary = "print the objects of a deployment step",
	.help = rk_help, /* docs/help/render.txt */
	.opts_size = sizeof(struct opts),
	.verbs = VERBS,
};

int main(int argc, char **argv)
{
	rk_auto_buf names = RK_BUF_INIT;

	/* what needs no settings: the names that deploy has for its flags and its help; the table of docs/ */
	if (argc > 1 && rk_streq(argv[1], "__steps")) {
		rk_step_names(RK_STEPS_DEPLOY, " ", &names);
		if (argc == 2)
			printf("%s\n", names.s);
		for (const struct rk_step *step = rk_steps; argc > 2 && step->name; step++)
			printf("| `%s` | %s cluster | %s | %s |\n", step->name, where(step),
				step->title ? step->summary : "(only waited for)",
				step->awaits ? step->awaits : "-");
		return 0;
	}
	rk_step_names(RK_STEPS_OBJECTS, "|", &names);
	rk_buf_puts(&names, "|all");
	VERBS[0].complete = names.s;
	return rk_main(&CMD, argc, argv);
}
